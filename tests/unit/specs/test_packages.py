"""conda files and requirements: how names and pins are translated, and what is refused by name."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pratique.base.errors import InvalidInput
from pratique.specs.packages import PackageRequest, check_python_only, from_conda, from_requirements
from pratique.specs.reader import parse_document


def translated(*dependencies: Any) -> PackageRequest:
    return from_conda({"dependencies": list(dependencies)})


def asked(*dependencies: Any) -> tuple[str, ...]:
    """What the file itself asks for: without setuptools, which is added."""
    found = translated(*dependencies).requirements
    assert found[-1] == "setuptools<81"
    return found[:-1]


def problems(*dependencies: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        translated(*dependencies)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.*", "numpy==1.26.*"),
        ("numpy=1.26=py311h64", "numpy==1.26.*"),
        ("numpy==1.26.4=py311h64", "numpy==1.26.4"),
        ("numpy 1.26.4 py311h64", "numpy==1.26.4"),
        ("numpy>=1.20", "numpy>=1.20"),
        ("numpy >=1.20, <2", "numpy<2,>=1.20"),
        ("numpy >= 1.20", "numpy>=1.20"),
        ("numpy>=1.20.*", "numpy>=1.20"),
        ("numpy!=1.24.0", "numpy!=1.24.0"),
        ("numpy~=1.24.1", "numpy~=1.24.1"),
        ("numpy>=1,!=1.5.*", "numpy!=1.5.*,>=1"),
        ("numpy=*", "numpy"),
        ("numpy *", "numpy"),
        ("conda-forge::numpy=1.26", "numpy==1.26.*"),
        ("NumPy", "NumPy"),
        ("scikit-learn=1.5", "scikit-learn==1.5.*"),
        ("ruamel.yaml", "ruamel.yaml"),
        ("typing_extensions", "typing_extensions"),
        ("pytorch=2.1", "torch==2.1.*"),
        ("pytorch::pytorch=2.1=*cuda*", "torch==2.1.*"),
        ("py-xgboost-cpu=1.7", "xgboost==1.7.*"),
        ("tensorflow-gpu=2.12", "tensorflow==2.12.*"),
        ("tensorflow-mkl", "tensorflow"),
        ("matplotlib-base", "matplotlib"),
        ("python-graphviz", "graphviz"),
        ("opencv", "opencv-python-headless"),
        ("msgpack-python", "msgpack"),
        ("ray-tune=2.9", "ray[tune]==2.9.*"),
    ],
)
def test_names_and_pins_are_translated(conda: str, pip: str) -> None:
    assert asked(conda) == (pip,)


@pytest.mark.parametrize(
    ("pin", "python"),
    [
        ("python=3.10", "3.10"), ("python=3.10.*", "3.10"), ("python==3.9", "3.9"), ("python 3.12", "3.12"),
        ("python=3.8.5", "3.8"), ("python==3.8.13", "3.8"), ("python=3.8.13=h12_cpython", "3.8"), ("python", None),
        ("python=3", "3.11"), ("python>=3.8", "3.11"), ("python>=3.8.5,<3.9", "3.8"), ("python<3.11", "3.10"),
        ("python>=3.12", "3.12"), ("python>=3.6,<=3.9", "3.8"),
    ],
)  # fmt: skip
def test_the_interpreter_is_major_and_minor(pin: str, python: str | None) -> None:
    assert translated(pin).python == python
    assert translated(pin).requirements == ()


def test_what_has_no_meaning_here_is_dropped_and_listed() -> None:
    found = from_conda(
        {
            "name": "credit",
            "channels": ["conda-forge", "defaults"],
            "prefix": "/opt/conda/envs/credit",
            "dependencies": [
                "_libgcc_mutex=0.1=main", "ca-certificates=2023.1", "libffi=3.4=h1", "openssl=1.1.1t", "pip=23.0",
                "python=3.10.9=h7a1cb2a_2", "conda-forge::numpy=1.26=py311",
            ],
        }
    )  # fmt: skip
    assert replace(found, conda="") == PackageRequest(
        python="3.10",
        requirements=("numpy==1.26.*", "setuptools<81"),
        notes=(
            "channel conda-forge is not used",
            "channel defaults is not used",
            "_libgcc_mutex=0.1=main is not installed: every interpreter brings its own",
            "ca-certificates=2023.1 is not installed: every interpreter brings its own",
            "libffi=3.4=h1 is not installed: every interpreter brings its own",
            "openssl=1.1.1t is not installed: every interpreter brings its own",
            "pip=23.0 is not installed: uv installs in its place",
            "build h7a1cb2a_2 of python is not asked for",
            "python=3.10.9=h7a1cb2a_2: any 3.10 is taken",
            "channel conda-forge of numpy is not used",
            "build py311 of numpy is not asked for",
            "setuptools<81 is added, because conda puts setuptools beside Python",
            "from the Python package index and not from conda: numpy",
        ),
    )


def test_another_name_on_the_index_is_told() -> None:
    assert translated("py-xgboost=1.7").notes[0] == "py-xgboost is called xgboost on the Python package index"


@pytest.mark.parametrize(
    ("dependencies", "added"),
    [
        (["python=3.8", "numpy"], True), (["numpy"], True), (["python=3.12", {"pip": ["numpy"]}], True),
        (["python=3.13", "numpy"], False), (["python=3.11", "numpy", "setuptools=65"], False),
        (["python=3.11", {"pip": ["Setuptools"]}], False), (["python=3.11"], False),
    ],
)  # fmt: skip
def test_setuptools_is_there_where_conda_has_it(dependencies: list[Any], added: bool) -> None:
    assert ("setuptools<81" in translated(*dependencies).requirements) == added


@pytest.mark.parametrize(
    "name",
    ["openmpi", "cudatoolkit=11.8", "nvidia::cuda-toolkit", "cudnn", "gcc", "gcc_linux-64", "gxx_linux-64", "ffmpeg",
     "r-base=4.2", "r-ggplot2", "nodejs", "openjdk=8", "graphviz", "pytorch-cuda=11.8", "m2w64-gcc", "git", "conda"],
)  # fmt: skip
def test_what_is_no_python_package_is_kept_by_name_and_refused_where_conda_is_not(name: str) -> None:
    request = translated(name)
    plain = name.rpartition("::")[2].partition("=")[0]
    assert (request.beyond, request.requirements) == ((plain,), ())
    assert f"{plain} is no Python package: only conda brings it" in request.notes
    with pytest.raises(InvalidInput, match=f"{plain}: no Python package, so it cannot be installed without conda"):
        check_python_only(request)


def test_the_name_of_a_conda_file_changes_nothing() -> None:
    files: list[dict[str, Any]] = [{"name": name, "dependencies": ["openmpi", {"pip": ["x"]}]} for name in "ab"]
    assert from_conda(files[0]).conda == from_conda(files[1]).conda


@pytest.mark.parametrize(
    "entry",
    ["numpy=1.2|1.3", "numpy[version='>=1']", "numpy>=", "numpy=>1", "=1.2", "", "numpy=1.2.3a.b.c?", 3, None,
     ["numpy"], {"pip": "numpy"}, {"npm": ["x"]}, {"pip": [], "more": 1}, "https://x/y.tar.bz2", "../local",
     "python>=4", "python=x", "numpy==1.1.1t", "a b c d", "numpy=1.2;os_name=='nt'", "-e .", "numpy\n--index-url=x"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(entry: Any) -> None:
    assert problems(entry)


def test_the_pip_section_is_passed_through() -> None:
    found = asked(
        "python=3.11",
        {
            "pip": [
                "mlflow==2.9.2", "azureml-mlflow>=1.42", "uvicorn[standard] >= 0.20 # why", "x; python_version<'3.9'",
            ]
        },
    )  # fmt: skip
    assert found == (
        "mlflow==2.9.2", "azureml-mlflow>=1.42", "uvicorn[standard]>=0.20", 'x; python_version < "3.9"',
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("--extra-index-url https://index.example.org/cpu", "--extra-index-url"),
        ("--extra-index-url=https://x", "--extra-index-url"),
        ("--find-links https://x  # wheels", "--find-links"),
        ("-f https://x/torch_stable.html", "-f"),
        ("--trusted-host x", "--trusted-host"),
        ("--no-cache-dir", "--no-cache-dir of pip"),
        ("--prefer-binary", "--prefer-binary of pip"),
    ],
)
def test_an_option_that_adds_a_place_to_look_at_is_left_out_and_told(line: str, option: str) -> None:
    found = translated("python=3.11", {"pip": [line, "torch==2.3.0"]})
    assert found.requirements == ("torch==2.3.0", "setuptools<81")
    assert sum(note.startswith(f"{option} ") for note in found.notes) == 1
    mlflows = from_requirements(f"{line}\ntorch==2.3.0\n")
    assert (mlflows.requirements, len(mlflows.notes)) == (("torch==2.3.0",), 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-r requirements.txt", "-r is an option of pip, which is not taken"),
        ("-e .", "-e is an option of pip"),
        ("--extra-index-url", "--extra-index-url is an option of pip"),
        ("--pre", "--pre is an option of pip"),
        ("--no-deps", "--no-deps is an option of pip"),
        ("--index-url https://x", "--index-url is an option of pip"),
        (".", ". is a local path"),
        ("./pkg", "./pkg is a local path"),
        ("../pkg", "../pkg is a local path"),
        ("/abs/pkg", "/abs/pkg is a local path"),
        ("~/pkg", "~/pkg is a local path"),
        ("file:///abs/pkg", "file:///abs/pkg is a local path"),
        ("C:\\pkg", "C:\\pkg is a local path"),
        ("pkg-1.0-py3-none-any.whl", "is a local path"),
        ("git+https://github.com/x/y", "git+https://github.com/x/y is a URL"),
        ("https://x/y", "https://x/y is a URL"),
        ("y @ https://x/y.zip", "is a local path"),
        ("y @ https://x/y", "y @ https://x/y names a URL"),
        ("y @ file:///etc/passwd", "names a URL"),
        ("numpy=1.26", "numpy=1.26 is no requirement (pip pins with ==)"),
        ("numpy 1.26", "numpy 1.26 is no requirement"),
        ("", "an empty line is no requirement"),
        ("python==3.11", "python is no package of pip"),
        (3, "expected a requirement such as numpy==1.26.4; got 3"),
        (None, "expected a requirement such as numpy==1.26.4; got nothing"),
    ],
)
def test_pip_takes_names_and_versions_only(line: Any, said: str) -> None:
    (found,) = problems({"pip": [line]})
    assert found.startswith("dependencies[0].pip[0]: ")
    assert said in found


def test_problems_have_the_line_of_their_file() -> None:
    text = (
        "name: x\nchanels: [a]\ndependencies:\n  - python=3.11\n  - a=1|2\n"
        "  - pip:\n    - mlflow\n    - numpy=1\nvariables: {A: b}\n"
    )
    with pytest.raises(InvalidInput) as caught:
        from_conda(parse_document(text, file="conda.yml"))
    places = [(problem.file, problem.line, problem.key) for problem in caught.value.problems]
    assert places == [
        ("conda.yml", 2, "chanels"),
        ("conda.yml", 9, "variables"),
        ("conda.yml", 5, "dependencies[1]"),
        ("conda.yml", 8, "dependencies[2].pip[1]"),
    ]
    assert caught.value.problems[0].hint == "did you mean channels?"


@pytest.mark.parametrize("conda", [None, [], "x", {"dependencies": {"numpy": 1}}, {"dependencies": "numpy"}])
def test_what_is_no_conda_file_is_refused(conda: Any) -> None:
    with pytest.raises(InvalidInput):
        from_conda(conda)


@pytest.mark.parametrize("conda", [{}, {"dependencies": None}, {"dependencies": [{"pip": None}]}])
def test_a_conda_file_may_ask_for_nothing(conda: Any) -> None:
    assert replace(from_conda(conda), conda="") == PackageRequest(None, ())


def test_requirements_are_read_without_hashes_and_comments() -> None:
    text = (
        "\ufeff# a comment\n\nnumpy==1.26.4 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\r\npandas  # why\n"
        "scikit-learn>=1.5,<2; python_version>='3.9'\n"
    )
    assert from_requirements(text) == PackageRequest(
        None, ("numpy==1.26.4", "pandas", 'scikit-learn<2,>=1.5; python_version >= "3.9"')
    )


def test_every_wrong_line_of_requirements_is_told_with_its_number() -> None:
    with pytest.raises(InvalidInput) as caught:
        from_requirements("numpy\n-r other.txt\n\nnumpy=1\n./x\n", file="req.txt")
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("req.txt", 2), ("req.txt", 4), ("req.txt", 5),
    ]  # fmt: skip


versions = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}", fullmatch=True)


@given(st.sampled_from(["=", "==", ">=", "<", "<=", "!=", " ", " >="]), versions)
def test_a_translated_pin_allows_what_conda_would_install(operator: str, version: str) -> None:
    (text,) = asked(f"numpy{operator}{version}")
    allowed = Requirement(text).specifier
    assert isinstance(allowed, SpecifierSet)
    includes = operator.strip() in ("=", "==", ">=", "<=", "")
    assert (version in allowed) is includes


@given(st.text(max_size=30) | st.text(alphabet="abc123=<>!~.,*| :[]-_", max_size=20))
def test_any_entry_becomes_a_requirement_or_is_refused(entry: str) -> None:
    try:
        found = translated(entry)
    except InvalidInput:
        return
    for requirement in found.requirements:
        assert Requirement(requirement).url is None


@pytest.mark.parametrize("long", ["a" * 2000, "numpy" + " " * 2000 + "x", "numpy=" + "1." * 2000])
def test_an_entry_that_is_far_too_long_is_refused(long: str) -> None:
    assert problems(long)
    assert problems({"pip": [long]})


def test_a_huge_line_of_requirements_takes_one_pass() -> None:
    with pytest.raises(InvalidInput):
        from_requirements("numpy" + " " * 1_000_000 + "x")

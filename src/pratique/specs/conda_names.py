"""Names of conda's channels that differ from the index's, or that name no Python package.

The lists hold what conda files of machine-learning projects use and what
`conda env export` writes. A name in none of them is taken to be the same on
the index; if it is not, locking the environment says so by name.
"""

from typing import Final

OTHER_NAMES: Final = {
    # The name in conda's channels: the name on the index.
    "faiss": "faiss-cpu",
    "lightgbm-base": "lightgbm",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyqt": "pyqt5",
    "pytables": "tables",
    "python-blosc": "blosc",
    "python-confluent-kafka": "confluent-kafka",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "python-lmdb": "lmdb",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ray-all": "ray[all]",
    "ray-core": "ray",
    "ray-default": "ray[default]",
    "ray-serve": "ray[serve]",
    "ray-tune": "ray[tune]",
    "stanza-nlp": "stanza",
    "tensorboard-base": "tensorboard",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-eigen": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "torchtext-cpu": "torchtext",
    "torchvision-cpu": "torchvision",
    "uvicorn-standard": "uvicorn[standard]",
}

INTERPRETERS_OWN: Final = frozenset(
    {
        "bzip2", "ca-certificates", "expat", "gdbm", "ld-impl-linux-64", "ld-impl-linux-aarch64",
        "libexpat", "libffi", "libgcc", "libgcc-mutex", "libgcc-ng", "libgomp", "libmpdec", "libnsl",
        "libsqlite", "libstdcxx", "libstdcxx-ng", "libuuid", "libxcrypt", "libzlib", "ncurses",
        "openmp-mutex", "openssl", "pip", "python-abi", "readline", "sqlite", "tk", "tzdata", "xz", "zlib",
        "zstd",
    }
)  # fmt: skip
"""What conda lists because its interpreter needs it; every interpreter brings its own."""

NOT_PYTHON: Final = frozenset(
    {
        "arrow-cpp", "autoconf", "automake", "bash", "bazel", "binutils", "bison", "blas", "boost",
        "boost-cpp", "c-compiler", "cairo", "clang", "clangxx", "compilers", "conda", "cuda",
        "cuda-toolkit", "cudatoolkit", "cudatoolkit-dev", "cudnn", "curl", "cxx-compiler", "eigen",
        "ffmpeg", "fftw", "flex", "fontconfig", "fortran-compiler", "freetype", "gcc", "gcc-linux-64",
        "gdal", "geos", "gfortran", "gh", "git", "git-lfs", "glib", "glog", "go", "graphviz", "gsl", "gxx",
        "gxx-linux-64", "hdf5", "icu", "imagemagick", "java-1.8.0-openjdk-cos7-x86-64", "java-jdk", "jpeg",
        "julia", "kernel-headers-linux-64", "krb5", "lapack", "leptonica", "libarchive", "libblas",
        "libboost", "libcblas", "libcurl", "libgdal", "libgfortran", "libgfortran-ng", "libgfortran5",
        "libiconv", "libjpeg-turbo", "liblapack", "libllvm11", "libopenblas", "libopencv", "libpng",
        "libpq", "libprotobuf", "libsndfile", "libspatialindex", "libssh2", "libtiff", "libtool", "libwebp",
        "libxml2", "libxslt", "llvm", "llvmdev", "lz4-c", "make", "mamba", "maven", "mesalib", "micromamba",
        "mkl-devel", "mpi", "mpich", "msodbcsql17", "msodbcsql18", "mysql", "nccl", "ninja-build", "nodejs",
        "nomkl", "openblas", "opencl-headers", "openjdk", "openmpi", "openssh", "pandoc", "perl",
        "pkg-config", "poppler", "postgresql", "proj", "pytorch-cuda", "pytorch-mutex", "r", "r-base",
        "rabbitmq-server", "redis-server", "ruby", "rust", "scala", "snappy", "sox", "sqlite3",
        "sysroot-linux-64", "tectonic", "tesseract", "texlive-core", "unixodbc", "unzip", "vc",
        "vs2015-runtime", "wget", "zeromq", "zip",
    }
)  # fmt: skip
"""Compilers, drivers, libraries and programs: nothing that a Python package index has."""

NOT_PYTHON_PREFIXES: Final = (
    "r-",
    "cuda-",
    "libcu",
    "libnv",
    "m2w64-",
    "gcc-impl",
    "gxx-impl",
    "bioconductor-",
    "perl-",
)

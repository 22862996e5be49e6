"""Sizes of machines by Azure's names: how many cores and how much memory a job or a scorer asks for.

A name of Azure follows a scheme (``Standard_D4s_v3`` has four cores), yet how
much memory comes with a core is the family's own and constrained sizes break
the scheme; so this is a table of what files in use name, from Azure's
documentation of virtual machine sizes.
"""

import re
from collections.abc import Mapping
from typing import Final

_GIB: Final = 1 << 30

_PER_CORE: Final[Mapping[str, tuple[float, tuple[int, ...]]]] = {
    # Family, with * for the cores: GiB for each core, and the numbers of cores that there are.
    "Standard_A*_v2": (2, (1, 2, 4, 8)),
    "Standard_A*m_v2": (8, (2, 4, 8)),
    "Standard_B*ms": (4, (2, 4, 8, 12, 16, 20)),
    "Standard_B*s_v2": (4, (2, 4, 8, 16, 32)),
    "Standard_D*_v3": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*s_v3": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*_v4": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*s_v4": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*d_v4": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*ds_v4": (4, (2, 4, 8, 16, 32, 48, 64)),
    "Standard_D*a_v4": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_D*as_v4": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_D*_v5": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_D*s_v5": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_D*ds_v5": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_D*as_v5": (4, (2, 4, 8, 16, 32, 48, 64, 96)),
    "Standard_E*_v3": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_E*s_v3": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_E*s_v4": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_E*ds_v4": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_E*s_v5": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_E*ds_v5": (8, (2, 4, 8, 16, 20, 32)),
    "Standard_F*s_v2": (2, (2, 4, 8, 16, 32, 48, 64, 72)),
    "Standard_F*s": (2, (1, 2, 4, 8, 16)),
}

_ALONE: Final[Mapping[str, tuple[float, float]]] = {
    # Cores and GiB of sizes whose number is not that of their cores, or whose memory follows no rule.
    "Standard_DS1_v2": (1, 3.5),
    "Standard_DS2_v2": (2, 7),
    "Standard_DS3_v2": (4, 14),
    "Standard_DS4_v2": (8, 28),
    "Standard_DS5_v2": (16, 56),
    "Standard_DS11_v2": (2, 14),
    "Standard_DS12_v2": (4, 28),
    "Standard_DS13_v2": (8, 56),
    "Standard_DS14_v2": (16, 112),
    "Standard_DS15_v2": (20, 140),
    "Standard_D1_v2": (1, 3.5),
    "Standard_D2_v2": (2, 7),
    "Standard_D3_v2": (4, 14),
    "Standard_D4_v2": (8, 28),
    "Standard_D5_v2": (16, 56),
    "Standard_D11_v2": (2, 14),
    "Standard_D12_v2": (4, 28),
    "Standard_D13_v2": (8, 56),
    "Standard_D14_v2": (16, 112),
    "Standard_B1s": (1, 1),
    "Standard_B1ms": (1, 2),
    "Standard_B2s": (2, 4),
    "Standard_NC6": (6, 56),
    "Standard_NC12": (12, 112),
    "Standard_NC24": (24, 224),
    "Standard_NC6s_v2": (6, 112),
    "Standard_NC6s_v3": (6, 112),
    "Standard_NC12s_v3": (12, 224),
    "Standard_NC24s_v3": (24, 448),
    "Standard_NC24rs_v3": (24, 448),
    "Standard_NC4as_T4_v3": (4, 28),
    "Standard_NC8as_T4_v3": (8, 56),
    "Standard_NC16as_T4_v3": (16, 110),
    "Standard_NC64as_T4_v3": (64, 440),
    "Standard_NC24ads_A100_v4": (24, 220),
    "Standard_NC48ads_A100_v4": (48, 440),
    "Standard_NC96ads_A100_v4": (96, 880),
    "Standard_ND40rs_v2": (40, 672),
    "Standard_ND96asr_v4": (96, 900),
    "Standard_NV6": (6, 56),
}


def _table() -> dict[str, tuple[float, int]]:
    rows = {
        family.replace("*", str(cores)): (cores, cores * per_core)
        for family, (per_core, counts) in _PER_CORE.items()
        for cores in counts
    }
    return {name.lower(): (float(cores), int(gib * _GIB)) for name, (cores, gib) in {**rows, **_ALONE}.items()}


SIZES: Final[Mapping[str, tuple[float, int]]] = _table()
"""Name in lower case, because Azure takes any case → cores and bytes of memory."""


def size_of(name: str) -> tuple[float, int] | None:
    """Cores and bytes of memory of a machine of that size; None for a name that is not in the table."""
    return SIZES.get(name.lower())


def cores_of(quantity: object, otherwise: float) -> float:
    """Cores of a quantity as Kubernetes writes it, such as ``500m`` or ``2``; `otherwise` for none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m?)", str(quantity))
    if not found:
        return otherwise
    return float(found[1]) / (1000 if found[2] else 1)


def bytes_of(quantity: object, otherwise: int) -> int:
    """Bytes of a quantity as Kubernetes writes it, such as ``512Mi`` or ``2G``; `otherwise` for none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKMGT]i?)?", str(quantity))
    if not found:
        return otherwise
    unit = found[2] or ""
    power = " kMGT".index(unit[0].replace("K", "k")) if unit else 0
    return int(float(found[1]) * (1024 if unit.endswith("i") else 1000) ** power)

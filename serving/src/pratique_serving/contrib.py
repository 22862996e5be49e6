"""Azure's module names for `rawhttp`, AMLRequest, AMLResponse, and Collector.

    from azureml.contrib.services.aml_request import AMLRequest, rawhttp
    from azureml.contrib.services.aml_response import AMLResponse
    from azureml_inference_server_http.api.aml_request import …      (the newer name)
    from azureml_inference_server_http.log_config import …           (what a logging.json names)
    from azureml.ai.monitoring import Collector

Served by a finder at the very end of `sys.meta_path`: whatever of these names the
environment really has is found first, and only what it lacks comes from here.
The collector is the exception: the real one sends to an agent of Azure's that is
not here, so ours comes first.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Optional, Sequence

from pratique_serving import aml, monitoring

_REQUEST = ("azureml.contrib.services.aml_request", "azureml_inference_server_http.api.aml_request")
_RESPONSE = ("azureml.contrib.services.aml_response", "azureml_inference_server_http.api.aml_response")
_COLLECTOR = ("azureml.ai.monitoring", "azureml.ai.monitoring.context")
_LOGGING = "azureml_inference_server_http.log_config"
_PACKAGES = (
    "azureml",
    "azureml.ai",
    "azureml.contrib",
    "azureml.contrib.services",
    "azureml_inference_server_http",
    "azureml_inference_server_http.api",
)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the modules above out of `aml` and `monitoring`; only those in `names`, if there are any."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(
        self,
        fullname: str,
        path: Optional[Sequence[str]] = None,  # noqa: ARG002 - importlib's signature.
        target: Optional[ModuleType] = None,  # noqa: ARG002
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if fullname in self._names and fullname == _COLLECTOR[0]:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname in self._names and fullname == _COLLECTOR[1]:
            return importlib.machinery.ModuleSpec(fullname, self)
        if self._names:
            return None
        if fullname in _PACKAGES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname in _REQUEST or fullname in _RESPONSE or fullname == _LOGGING:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ in _REQUEST:
            module.__dict__.update(AMLRequest=aml.AMLRequest, rawhttp=aml.rawhttp)
        elif module.__name__ in _COLLECTOR:
            module.__dict__.update(
                Collector=monitoring.Collector,
                CorrelationContext=monitoring.CorrelationContext,
                BasicCorrelationContext=monitoring.BasicCorrelationContext,
                get_context=monitoring.get_context,
            )
        elif module.__name__ == _LOGGING:
            ours = importlib.import_module("pratique_serving.log_config")
            module.__dict__.update(AMLLogFormatter=ours.AMLLogFormatter, RootAccessFilter=ours.RootAccessFilter)
        elif module.__name__ in _RESPONSE:
            module.__dict__.update(AMLResponse=aml.AMLResponse)


def install() -> None:
    """Make the names importable; once is enough."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(*_COLLECTOR))
        sys.meta_path.append(_Finder())


def is_rawhttp() -> bool:
    """Whether the script has used `@rawhttp`, ours or the real one."""
    modules = [sys.modules.get(name) for name in _REQUEST]
    return aml._rawHttpRequested or any(getattr(module, "_rawHttpRequested", False) for module in modules)

"""The model registry as MLflow's own pages see it: Pratique's, over the API.

Clients never come this way: the door sends their registry requests straight to
the API. But MLflow's server asks its registry for itself (the models of a run
in its pages, the files of a version), and it must get the same answer.
"""

import json
from typing import Any

from pratique_tracking.api import Api, ApiError
from pratique_tracking.errors import as_mlflow
from pratique_tracking.workspaces import WorkspaceNames


def build_registry(api: Api, names: WorkspaceNames) -> Any:
    """MLflow's REST registry store, speaking over the API's unix socket."""
    from mlflow.store.model_registry.rest_store import RestStore
    from mlflow.utils.proto_json_utils import parse_dict
    from mlflow.utils.workspace_context import get_request_workspace

    class Registry(RestStore):  # type: ignore[misc]
        @property
        def supports_workspaces(self) -> bool:
            return True

        def _call_endpoint(
            self, api_method: Any, json_body: str, call_all_endpoints: bool = False, **_ignored: Any
        ) -> Any:
            if call_all_endpoints:
                path, verb = self._get_all_endpoints_from_method(api_method)[0]
            else:
                path, verb = self._get_endpoint_from_method(api_method)
            sent = json.loads(json_body) if json_body else {}
            try:
                place = f"/mlflow/{names.called(str(get_request_workspace()))}{path}"
                said = api.call(verb, place, query=sent) if verb == "GET" else api.call(verb, place, body=sent)
            except ApiError as error:
                raise as_mlflow(error) from error
            answer = self._get_response_from_method(api_method)
            parse_dict(said, answer)
            return answer

    return Registry(lambda: None)

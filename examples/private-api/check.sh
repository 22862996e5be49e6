#!/usr/bin/env bash
# Call the API in four ways and fail unless each is answered as it should be. CLIENT_SECRET is the client's secret.
#
#   check.sh GROUP WORKSPACE ENDPOINT SERVICE TOKEN_URL CLIENT_ID SCOPE AUDIENCE
set -euo pipefail
group=$1 token_url=$5 client=$6 scope=$7 audience=$8
of_endpoint=(--name "$3" --workspace-name "$2" --resource-group "$group")
request=../credit-risk/request.json
answer=$(mktemp)
wrong=0

# The token that the provider gives this client for an audience. Secrets stay off the command line.
token_for() {
  printf 'user = "%s:%s"' "$client" "$CLIENT_SECRET" |
    curl --silent --show-error --fail --config - --data grant_type=client_credentials --data-urlencode "scope=$scope" \
      --data-urlencode "resource=$1" "$token_url" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}

# What a call with a token is answered; an empty token is none.
expect() {
  local status=$1 what=$2 url=$3 token=$4 got
  got=$({ if [ -n "$token" ]; then printf 'header = "Authorization: Bearer %s"' "$token"; fi; } |
    curl --silent --show-error --config - --header "Content-Type: application/json" --data "@$request" \
      --output "$answer" --write-out '%{http_code}' "$url")
  echo "$got $what: $(head -c 200 "$answer")"
  if [ "$got" != "$status" ]; then
    echo "##vso[task.logissue type=error]$what: $got instead of $status"
    wrong=1
  fi
}

api=$(az apim api show --service-name "$4" --resource-group "$group" --api-id credit --query url --output tsv)
endpoint=$(az ml online-endpoint show "${of_endpoint[@]}" --query scoring_uri --output tsv)
token=$(token_for "$audience")
token_for_others=$(token_for "$audience-of-others")
key=$(az ml online-endpoint get-credentials "${of_endpoint[@]}" --query primaryKey --output tsv)

expect 200 "with a token" "$api/score" "$token"
expect 401 "without a token" "$api/score" ""
expect 401 "with a token for another audience" "$api/score" "$token_for_others"
expect 403 "the endpoint itself, with its key" "$endpoint" "$key"
exit $wrong

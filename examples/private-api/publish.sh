#!/usr/bin/env bash
# Publish a private endpoint as an API that asks for a token; said again, it brings the API up to date.
#
#   publish.sh GROUP WORKSPACE ENDPOINT SERVICE OPENID_CONFIGURATION AUDIENCE
set -euo pipefail
group=$1 openid_configuration=$5 audience=$6
of_endpoint=(--name "$3" --workspace-name "$2" --resource-group "$group")
of_service=(--service-name "$4" --resource-group "$group")
api=("${of_service[@]}" --api-id credit)

backend=$(az ml online-endpoint show "${of_endpoint[@]}" --query scoring_uri --output tsv)
az apim api create "${api[@]}" --path credit --display-name "Credit risk" --subscription-required false \
  --service-url "${backend%/score}" --output none
az apim api operation create "${api[@]}" --operation-id score --display-name Score --method POST --url-template /score \
  --output none

az apim nv create "${of_service[@]}" --named-value-id openid-configuration --display-name openid-configuration \
  --value "$openid_configuration" --output none
az apim nv create "${of_service[@]}" --named-value-id audience --display-name audience --value "$audience" --output none
az ml online-endpoint get-credentials "${of_endpoint[@]}" --query primaryKey --output tsv | tr -d '\n' |
  az apim nv create "${of_service[@]}" --named-value-id endpoint-key --display-name endpoint-key --secret true --value - \
    --output none

# Until now nobody gets in: there is neither a subscription nor a token that would be taken.
az apim api policy set "${api[@]}" --file policy.xml --output none
echo "published at $(az apim api show "${api[@]}" --query url --output tsv)"

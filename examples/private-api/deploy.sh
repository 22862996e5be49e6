#!/usr/bin/env bash
# A private endpoint with the newest version of a model behind it; said again, it brings the deployment up to date.
#
#   deploy.sh GROUP WORKSPACE ENDPOINT MODEL
set -euo pipefail
here=(--resource-group "$1" --workspace-name "$2")
endpoint=$3 model=$4

if ! az ml online-endpoint show --name "$endpoint" "${here[@]}" --output none 2> /dev/null; then
  az ml online-endpoint create --file endpoint.yml --name "$endpoint" "${here[@]}" --output none
fi
version=$(az ml model show --name "$model" --label latest "${here[@]}" --query version --output tsv)
words=(--file deployment.yml --endpoint-name "$endpoint" --set model="azureml:$model:$version" "${here[@]}" --output none)
if az ml online-deployment show --name blue --endpoint-name "$endpoint" "${here[@]}" --output none 2> /dev/null; then
  az ml online-deployment update "${words[@]}"
else
  az ml online-deployment create "${words[@]}"
fi
az ml online-endpoint update --name "$endpoint" --traffic blue=100 "${here[@]}" --output none
echo "version $version of $model answers at $endpoint"

#!/usr/bin/env bash
# Start a version beside the one that answers, ask it something, switch the traffic, remove the old one.
#
#   delivery/deploy.sh GROUP WORKSPACE ENDPOINT MODEL VERSION
set -euo pipefail
here=(--resource-group "$1" --workspace-name "$2")
endpoint=$3 model=$4 version=$5

az ml environment create --file environment.yml "${here[@]}" --output none
if ! az ml online-endpoint show --name "$endpoint" "${here[@]}" --output none 2> /dev/null; then
  az ml online-endpoint create --file endpoint.yml --name "$endpoint" "${here[@]}" --output none
fi

new=blue old=green
if [ "$(az ml online-endpoint show --name "$endpoint" "${here[@]}" --query traffic.blue --output tsv)" = 100 ]; then
  new=green old=blue
fi
echo "$new becomes version $version"
az ml online-deployment create --file deployment-blue.yml --name "$new" --endpoint-name "$endpoint" \
  --set model="azureml:$model:$version" "${here[@]}" --output none
az ml online-endpoint invoke --name "$endpoint" --deployment-name "$new" --request-file request.json "${here[@]}"

az ml online-endpoint update --name "$endpoint" --traffic "$new=100" --set tags.prod="$version" "${here[@]}" --output none
if az ml online-deployment show --name "$old" --endpoint-name "$endpoint" "${here[@]}" --output none 2> /dev/null; then
  az ml online-deployment delete --name "$old" --endpoint-name "$endpoint" --yes --no-wait "${here[@]}"
fi
echo "$new answers now"

#!/bin/bash
# The endpoint is created or tagged anew; a deployment is named by version and moment, and the older ones go.
#
#   deploy.sh GROUP WORKSPACE ENDPOINT MODEL VERSION
here="-g $1 -w $2"
endpoint=$3
model=$4
version=$5
set -e

found=$(az ml online-endpoint list $here --query "[?name=='$endpoint'].name" -o tsv)
if [ -z "$found" ]; then
  az ml online-endpoint create -f endpoint.yml -n "$endpoint" --set tags.prod="$version" $here -o none
else
  az ml online-endpoint update -n "$endpoint" --set tags.prod="$version" $here -o none
fi

older=$(az ml online-deployment list -e "$endpoint" $here --query "[].name" -o tsv)
name="v$version-$(date +%s)"
az ml online-deployment create -f deployment.yml -n "$name" -e "$endpoint" --set model="azureml:$model:$version" --all-traffic $here
az ml online-endpoint invoke -n "$endpoint" -r sample.json $here

for old in $older; do
  az ml online-deployment delete -n "$old" -e "$endpoint" --yes --no-wait $here
done

#!/usr/bin/env bash
# Register data and environment, run the pipeline, and leave its report and its decision in a folder.
#
#   delivery/train.sh GROUP WORKSPACE FOLDER
set -euo pipefail
here=(--resource-group "$1" --workspace-name "$2")
folder=$3

az ml data create --file data.yml "${here[@]}" --output none
az ml environment create --file environment.yml "${here[@]}" --output none
job=$(az ml job create --file pipeline.yml "${here[@]}" --query name --output tsv)
az ml job stream --name "$job" "${here[@]}"
for output in report decision; do
  az ml job download --name "$job" --output-name "$output" --download-path "$folder" "${here[@]}"
done

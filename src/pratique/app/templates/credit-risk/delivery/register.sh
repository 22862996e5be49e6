#!/usr/bin/env bash
# Register the model in a folder under the number that it has elsewhere; nothing happens when it is there already.
#
#   delivery/register.sh GROUP WORKSPACE MODEL VERSION FOLDER
set -euo pipefail
here=(--resource-group "$1" --workspace-name "$2")
model=$3 version=$4 folder=$5

if az ml model show --name "$model" --version "$version" "${here[@]}" --output none 2> /dev/null; then
  echo "version $version of $model is registered already"
  exit
fi
path=$(dirname "$(find "$folder" -name MLmodel -print -quit)")
az ml model create --name "$model" --version "$version" --type mlflow_model --path "$path" "${here[@]}" --output none
echo "version $version of $model is registered"

#!/bin/sh
# The plain commands of the specification on a laptop that has only an engine: download the tools, build the
# images, create a cluster with kind, load the images, install the addons and the application.
#   plain.sh DIR PROJECT
# DIR has `places` (variables: URLs and references), kind.yaml, env, and the addons' manifests. The node pulls
# the public images itself.
# shellcheck disable=SC2154 # `places` assigns the variables.
set -eu
dir=$1 project=$2
# shellcheck source=/dev/null
. "$dir/places"
export KUBECONFIG="$dir/kubeconfig"
# `kind load` of Docker 28 does not take images with attestations (kind#4236).
export BUILDX_NO_DEFAULT_ATTESTATIONS=1
began=$(date +%s)
say() { echo "plain: $(($(date +%s) - began)) s: $1"; }

mkdir -p "$dir/bin"
PATH=$dir/bin:$PATH
say "download kubectl, helm and kind"
curl --silent --show-error --fail --location --output "$dir/bin/kubectl" "$kubectl"
curl --silent --show-error --fail --location "$helm" | tar -xz -C "$dir/bin" --strip-components 1
curl --silent --show-error --fail --location --output "$dir/bin/kind" "$kind"
chmod +x "$dir/bin/kubectl" "$dir/bin/kind"

cd "$project/services"
say "docker build"
docker build --quiet --tag todo-chatbot-frontend:v1.0.0 --build-arg "BASE_IMAGE=$nodejs" frontend
for name in backend mcp-server mock-llm; do
    docker build --quiet --tag "todo-chatbot-$name:v1.0.0" --build-arg "BASE_IMAGE=$python" \
        --file "$name/Dockerfile" .
done
say "kind create cluster"
kind create cluster --name plain --image "$node" --config "$dir/kind.yaml" --quiet
say "kind load docker-image"
for name in frontend backend mcp-server mock-llm; do
    kind load docker-image "todo-chatbot-$name:v1.0.0" --name plain --quiet
done
say "kubectl apply"
kubectl apply --filename "$dir/metrics-server.yaml" --filename "$dir/traefik.yaml"
kubectl rollout status deployment/metrics-server --namespace kube-system --timeout 10m
kubectl rollout status daemonset/traefik --namespace kube-system --timeout 10m
kubectl create namespace todo-chatbot
kubectl create secret generic todo-chatbot-env "--from-env-file=$dir/env" --namespace todo-chatbot
kubectl create configmap todo-chatbot-config "--from-env-file=$dir/env" --namespace todo-chatbot
say "helm install"
set --
for name in frontend backend mcp-server mock-llm; do
    set -- "$@" --set "images.$name=docker.io/library/todo-chatbot-$name:v1.0.0"
done
helm upgrade --install todo-chatbot "$project/manifests/todo-chatbot" --namespace todo-chatbot \
    --values "$project/manifests/todo-chatbot/values/tiny.yaml" --wait --timeout 10m \
    --set "images.postgres=$postgres" --set "images.valkey=$valkey" "$@" \
    --set "hosts[0]=$host" --set secret.name=todo-chatbot-env --set config.name=todo-chatbot-config
say "wait for responses"
for path in / /api/health; do
    until curl --silent --fail --output /dev/null --max-time 5 --header "Host: $host" \
        "http://127.0.0.1:8080$path"; do sleep 0.1; done
done
say "done"

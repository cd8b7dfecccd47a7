{{/*
One NetworkPolicy. `of`: the service whose pods it selects, or all pods of the release. `from` or `to`: the peers,
none means anyone. `ports`: by default, the port that services listen on. `hook`: it exists only during `helm test`.
*/}}
{{- define "todo.policy" -}}
{{- $ports := default (list (dict "protocol" "TCP" "port" "main")) .ports }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "todo.labels" (dict "root" .root "name" (default "network" .of)) | nindent 4 }}
  {{- if .hook }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-weight: "-1"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- if .of }}
      {{- include "todo.selector" (dict "root" .root "name" .of) | nindent 6 }}
      {{- else }}
      {{- include "todo.release" .root | nindent 6 }}
      {{- end }}
  {{- if hasKey . "from" }}
  policyTypes: [Ingress]
  ingress:
    - ports:
        {{- toYaml $ports | nindent 8 }}
      {{- with .from }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- else if hasKey . "to" }}
  policyTypes: [Egress]
  egress:
    - to:
        {{- toYaml .to | nindent 8 }}
      {{- if ne (toJson .ports) "[]" }}
      ports:
        {{- toYaml $ports | nindent 8 }}
      {{- end }}
  {{- else }}
  policyTypes: {{ toJson .types }}
  {{- end }}
{{- end }}

{{/* The pods of a service as a peer, as JSON. */}}
{{- define "todo.peer" -}}
{{- dict "podSelector" (dict "matchLabels" (include "todo.selector" . | fromYaml)) | toJson -}}
{{- end }}

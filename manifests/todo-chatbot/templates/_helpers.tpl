{{/*
Names, labels and security contexts. Templates for one service take
(dict "root" $ "name" NAME "service" VALUES).
*/}}

{{/* Labels that select a service's pods; they must never change. */}}
{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{/* Labels of pods and volumes. They must not change in an upgrade, or every pod would restart. */}}
{{- define "todo.steadyLabels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
{{- end }}

{{- define "todo.labels" -}}
{{ include "todo.steadyLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* The image reference of a service. */}}
{{- define "todo.image" -}}
{{- $key := default .name .service.image -}}
{{- $reference := get .root.Values.images $key -}}
{{- if not $reference -}}
{{- fail (printf "services.%s uses the image %q, but `images` has no such key" .name $key) -}}
{{- end -}}
{{- $reference -}}
{{- end }}

{{/* "true" if the service has several pods, else empty. */}}
{{- define "todo.several" -}}
{{- $replicas := dig "replicas" 1 .service | int -}}
{{- if dig "autoscaling" "enabled" false .service -}}
{{- $replicas = dig "autoscaling" "min" 1 .service | int -}}
{{- end -}}
{{- if gt $replicas 1 }}true{{ end -}}
{{- end }}

{{/* The pod security context for PodSecurity `restricted`; takes the user ID, also used as group ID. */}}
{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The container security context for PodSecurity `restricted`, with a read-only root file system. */}}
{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

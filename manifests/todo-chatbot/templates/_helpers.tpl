{{/*
Names, labels and security of all objects. Those about one service take
(dict "root" $ "name" NAME "service" VALUES).
*/}}

{{/* Labels by which objects find a service's pods; they never change. */}}
{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{/* Labels of pods and volumes: nothing in them changes with an upgrade, which would restart all. */}}
{{- define "todo.steadyLabels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
{{- end }}

{{- define "todo.labels" -}}
{{ include "todo.steadyLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* The reference of a service's image. */}}
{{- define "todo.image" -}}
{{- $key := default .name .service.image -}}
{{- $reference := get .root.Values.images $key -}}
{{- if not $reference -}}
{{- fail (printf "services.%s uses the image %q, but `images` has no such key" .name $key) -}}
{{- end -}}
{{- $reference -}}
{{- end }}

{{/* Whether several pods of it may run; "true" or nothing. */}}
{{- define "todo.several" -}}
{{- $replicas := dig "replicas" 1 .service | int -}}
{{- if dig "autoscaling" "enabled" false .service -}}
{{- $replicas = dig "autoscaling" "min" 1 .service | int -}}
{{- end -}}
{{- if gt $replicas 1 }}true{{ end -}}
{{- end }}

{{/* What PodSecurity `restricted` asks of a pod; takes its user, who is also its group. */}}
{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What PodSecurity `restricted` asks of a container, and a root that nobody writes to. */}}
{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

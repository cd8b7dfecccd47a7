{{/*
Names, labels and security contexts. Templates for one service take
(dict "root" $ "name" NAME "service" VALUES).
*/}}

{{/* Labels of all pods of the release. */}}
{{- define "todo.release" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels that select a service's pods; they must never change. */}}
{{- define "todo.selector" -}}
{{ include "todo.release" .root }}
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

{{/*
The value `pod` or `service` of all services, with that of one service over it: annotations, labels and node
labels are added, all else is replaced. Takes a list of the service and the key; returns JSON.
*/}}
{{- define "todo.options" -}}
{{- $one := first . -}}
{{- $key := last . -}}
{{- $options := dict -}}
{{- range $values := list (get $one.root.Values $key) (get $one.service $key) -}}
{{- range $name, $value := default dict $values -}}
{{- if has $name (list "annotations" "labels" "nodeSelector") -}}
{{- $all := default dict (get $options $name) -}}
{{- range $entry, $text := $value }}{{ $_ := set $all $entry $text }}{{ end -}}
{{- $value = $all -}}
{{- end -}}
{{- $_ := set $options $name $value -}}
{{- end -}}
{{- end -}}
{{- toJson $options -}}
{{- end }}

{{/* The image reference of a service. Like Docker, it takes the first part for a registry if it looks like one. */}}
{{- define "todo.image" -}}
{{- $key := default .name .service.image -}}
{{- $reference := get .root.Values.images $key -}}
{{- if not $reference -}}
{{- fail (printf "services.%s uses the image %q, but `images` has no such key" .name $key) -}}
{{- end -}}
{{- $registry := dig "imageRegistry" "" (default dict .root.Values.global) -}}
{{- $start := splitList "/" $reference | first -}}
{{- if and $registry (or (eq $start $reference) (not (regexMatch "[.:]|^localhost$" $start))) -}}
{{- $reference = printf "%s/%s" $registry $reference -}}
{{- end -}}
{{- $reference -}}
{{- end }}

{{/* The paths of the hosts that are routed to services, as JSON: the name of the service by path. */}}
{{- define "todo.paths" -}}
{{- $paths := dict -}}
{{- range $name, $service := .Values.services -}}
{{- range (dig "enabled" true $service | ternary $service.ingress list) -}}
{{- if hasKey $paths .path -}}
{{- fail (printf "services.%s.ingress has the path %s, which %s already uses" $name .path (get $paths .path)) -}}
{{- end -}}
{{- $_ := set $paths .path $name -}}
{{- end -}}
{{- end -}}
{{- toJson $paths -}}
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

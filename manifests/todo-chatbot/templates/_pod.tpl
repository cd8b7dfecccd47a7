{{/* The pod template of a Deployment or StatefulSet. */}}

{{- define "todo.pod" -}}
{{- $service := .service -}}
{{- $pod := include "todo.options" (list . "pod") | fromJson -}}
metadata:
  labels:
    {{- include "todo.steadyLabels" . | nindent 4 }}
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    todo-bootstrap/env-digest: {{ include "todo.envDigest" . | quote }}
    {{- with $pod.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "todo.podSpec" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ dig "terminationGrace" 30 $service | int }}
  {{- with include "todo.spread" . | trim }}
  topologySpreadConstraints:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with include "todo.init" . | trim }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      {{- with $service.command }}
      command:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $service.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: main
          containerPort: {{ $service.port | int }}
      {{- range $kind, $probe := $service.probes }}
      {{ $kind }}Probe:
        {{- toYaml $probe | nindent 8 }}
      {{- end }}
      {{- with $service.lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "todo.container" . | trim | nindent 6 }}
  volumes:
    {{- include "todo.volumes" . | trim | nindent 4 }}
{{- end }}

{{/* Fields that the pods of services and of `helm test` share. */}}
{{- define "todo.podSpec" -}}
{{- $pod := include "todo.options" (list . "pod") | fromJson -}}
automountServiceAccountToken: false
# Service variables of Kubernetes, such as REDIS_PORT, would override ours.
enableServiceLinks: false
securityContext:
  {{- include "todo.podSecurity" (dig "uid" 10001 .service | int) | nindent 2 }}
{{- with $pod.serviceAccount }}
serviceAccountName: {{ .name }}
{{- end }}
{{- with $pod.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "priorityClassName" "nodeSelector" "tolerations" "affinity" }}
{{- with get $pod $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* How the pods of a service with several pods are spread. */}}
{{- define "todo.spread" -}}
{{- $one := . -}}
{{- $spread := dig "topologySpread" dict (include "todo.options" (list . "pod") | fromJson) -}}
{{- $places := dict "kubernetes.io/hostname" (dig "host" "ScheduleAnyway" $spread) -}}
{{- $_ := set $places "topology.kubernetes.io/zone" (dig "zone" "" $spread) -}}
{{- range $key, $rule := $places }}
{{- if and $rule (include "todo.several" $one) }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ $rule }}
  labelSelector:
    matchLabels:
      {{- include "todo.selector" $one | nindent 6 }}
  # The pods that an update replaces do not count.
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* Requests and limits: those of the service, and ephemeral storage. */}}
{{- define "todo.resources" -}}
{{- $resources := deepCopy .service.resources -}}
{{- range $kind, $amount := dig "ephemeralStorage" dict (include "todo.options" (list . "pod") | fromJson) -}}
{{- $_ := set (get $resources $kind) "ephemeral-storage" $amount -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{/* Fields that the service's container and its init containers share. */}}
{{- define "todo.container" -}}
image: {{ include "todo.image" . | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
{{- with include "todo.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
resources:
  {{- include "todo.resources" . | nindent 2 }}
securityContext:
  {{- include "todo.containerSecurity" . | nindent 2 }}
volumeMounts:
  {{- include "todo.mounts" . | trim | nindent 2 }}
{{- end }}

{{/* Init containers: scripts of the chart, with the arguments of the service. */}}
{{- define "todo.init" -}}
{{- $one := . -}}
{{- range .service.init }}
{{- $script := $one.root.Files.Get .script -}}
{{- if not $script -}}
{{- fail (printf "services.%s.init names %s, but the chart has no such file" $one.name .script) -}}
{{- end }}
- name: {{ .name }}
  command: [sh, -c]
  args:
    {{- /* Kubernetes replaces `$$` with `$` and expands `$(NAME)`. */}}
    {{- concat (list ($script | replace "$" "$$") .name) (default list $one.service.args) | toYaml | nindent 4 }}
  {{- include "todo.container" $one | trim | nindent 2 }}
{{- end }}
{{- end }}

{{/* Writable mounts: /tmp, the directories of `scratch` and the persistent volume. */}}
{{- define "todo.mounts" -}}
{{- range $index, $path := include "todo.scratch" . | fromJson | keys | sortAlpha }}
- name: scratch-{{ $index }}
  mountPath: {{ $path }}
{{- end }}
{{- with .service.storage }}
- name: data
  mountPath: {{ .path }}
{{- end }}
{{- with dig "volumeMounts" list (include "todo.options" (list . "pod") | fromJson) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "todo.volumes" -}}
{{- $scratch := include "todo.scratch" . | fromJson -}}
{{- range $index, $path := keys $scratch | sortAlpha }}
- name: scratch-{{ $index }}
  emptyDir:
    sizeLimit: {{ get $scratch $path }}
{{- end }}
{{- if and .service.storage (ne (dig "kind" "Deployment" .service) "StatefulSet") }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .name }}-data
{{- end }}
{{- with dig "volumes" list (include "todo.options" (list . "pod") | fromJson) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "todo.scratch" -}}
{{- merge (dict) (dig "scratch" dict .service) (dict "/tmp" "64Mi") | toJson -}}
{{- end }}

{{/* The spec of a service's PersistentVolumeClaim. */}}
{{- define "todo.claim" -}}
accessModes: [{{ default "ReadWriteOnce" .service.storage.accessMode }}]
{{- with dig "className" (dig "className" "" .root.Values.storage) .service.storage }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .service.storage.size }}
{{- end }}

{{/* The environment of a service: keys of the Secret and the ConfigMap, constants and its port. */}}

{{- define "todo.env" -}}
{{- $secret := .root.Values.secret -}}
{{- $config := .root.Values.config -}}
{{- $name := .name -}}
{{- range .service.env }}
- name: {{ . }}
  valueFrom:
    {{- if hasKey $secret.keys . }}
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ . }}
      {{- if has . $secret.optional }}
      optional: true
      {{- end }}
    {{- else if hasKey $config.keys . }}
    configMapKeyRef:
      name: {{ $config.name }}
      key: {{ . }}
      {{- if has . $config.optional }}
      optional: true
      {{- end }}
    {{- else }}
    {{- fail (printf "services.%s.env names %s, but neither `secret.keys` nor `config.keys` contains it: declare it in .env.example" $name .) }}
    {{- end }}
{{- end }}
{{- range $key, $value := .service.fixed }}
- name: {{ $key }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- if dig "portEnv" true .service }}
- name: PORT
  value: {{ .service.port | int | quote }}
{{- end }}
{{- end }}

{{/*
A digest of the values of the keys that the service uses. As a pod annotation, it restarts exactly the
services that use a changed key.
*/}}
{{- define "todo.envDigest" -}}
{{- $values := .root.Values -}}
{{- $used := list -}}
{{- range .service.env -}}
{{- $digest := hasKey $values.secret.keys . | ternary $values.secret.keys $values.config.keys -}}
{{- $used = append $used (printf "%s=%s" . (get $digest .)) -}}
{{- end -}}
{{- $used | join "\n" | sha256sum | trunc 16 -}}
{{- end }}

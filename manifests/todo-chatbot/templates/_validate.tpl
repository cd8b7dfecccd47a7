{{/* Rules for a service that the JSON schema cannot express. */}}

{{- define "todo.validate" -}}
{{- $at := printf "services.%s" .name -}}
{{- $service := .service -}}
{{- $stateful := eq (dig "kind" "Deployment" $service) "StatefulSet" -}}
{{- $scaled := dig "autoscaling" "enabled" false $service -}}

{{- $names := concat (dig "env" list $service) (keys (dig "fixed" dict $service)) -}}
{{- if dig "portEnv" true $service }}{{ $names = append $names "PORT" }}{{ end -}}
{{- range $names -}}
{{- if gt (len (splitList (printf " %s " .) (printf " %s " (join "  " $names)))) 2 -}}
{{- fail (printf "%s sets %s twice: use only one of `env`, `fixed` and `portEnv`" $at .) -}}
{{- end -}}
{{- end -}}

{{- range dig "env" list $service -}}
{{- if and (hasKey $.root.Values.secret.keys .) (hasKey $.root.Values.config.keys .) -}}
{{- fail (printf "%s.env names %s, which is in both `secret.keys` and `config.keys`: remove it from one of them" $at .) -}}
{{- end -}}
{{- end -}}

{{- $pod := include "todo.options" (list . "pod") | fromJson -}}
{{- $own := append (include "todo.labels" . | fromYaml | keys) "todo-bootstrap/env-digest" -}}
{{- range $key, $options := dict "pod" $pod "service" (include "todo.options" (list . "service") | fromJson) -}}
{{- range $name := concat (dig "labels" dict $options | keys) (dig "annotations" dict $options | keys) -}}
{{- if has $name $own -}}
{{- fail (printf "%s.%s sets %s, which the chart sets itself: remove it" $at $key $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $pod.serviceAccount -}}
{{- if and .annotations (not .create) -}}
{{- fail (printf "%s.pod.serviceAccount has annotations, but the chart does not create %s: set create to true" $at .name) -}}
{{- end -}}
{{- end -}}
{{- $volumes := list -}}
{{- range $pod.volumes -}}
{{- if or (regexMatch "^(data|scratch-[0-9]+)$" .name) (has .name $volumes) -}}
{{- fail (printf "%s.pod.volumes has the name %s, which is in use: choose another one" $at .name) -}}
{{- end -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- $paths := include "todo.scratch" . | fromJson | keys -}}
{{- with $service.storage }}{{ $paths = append $paths .path }}{{ end -}}
{{- range $pod.volumeMounts -}}
{{- if not (has .name $volumes) -}}
{{- fail (printf "%s.pod.volumeMounts names %s, which is not in `volumes`" $at .name) -}}
{{- end -}}
{{- if has .mountPath $paths -}}
{{- fail (printf "%s has two volumes at %s" $at .mountPath) -}}
{{- end -}}
{{- $paths = append $paths .mountPath -}}
{{- end -}}

{{- range $source := list "secret" "config" -}}
{{- $of := get $.root.Values $source -}}
{{- range $of.optional -}}
{{- if not (hasKey $of.keys .) -}}
{{- fail (printf "%s.optional names %s, which `%s.keys` does not contain" $source . $source) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and $scaled $stateful -}}
{{- fail (printf "%s is a StatefulSet, which the autoscaler must not scale: set autoscaling.enabled to false" $at) -}}
{{- end -}}
{{- if $scaled -}}
{{- if gt (dig "autoscaling" "min" 1 $service | int) (dig "autoscaling" "max" 1 $service | int) -}}
{{- fail (printf "%s.autoscaling.min is greater than its max" $at) -}}
{{- end -}}
{{- end -}}
{{- if and $service.storage (not $stateful) (include "todo.several" .) -}}
{{- fail (printf "%s is a Deployment of several pods with one volume: set replicas to 1, or kind to StatefulSet" $at) -}}
{{- end -}}
{{- end }}

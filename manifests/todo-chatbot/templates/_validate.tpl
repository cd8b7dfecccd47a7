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

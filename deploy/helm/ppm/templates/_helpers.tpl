{{- define "ppm.name" -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "ppm.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ppm.secret" -}}
{{ .Values.database.existingSecret | default (include "ppm.name" .) }}
{{- end }}

{{- /* A text as SQL writes it, where standard_conforming_strings is on; null where there is none. */ -}}
{{- define "ppm.literal" -}}
{{- if kindIs "invalid" . }}NULL{{ else }}'{{ . | toString | replace "'" "''" }}'{{ end -}}
{{- end }}

{{/* The name of everything that is made. */}}
{{- define "zerohop.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a pod is chosen by. */}}
{{- define "zerohop.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of everything that is made. Helm itself adds that it manages them. */}}
{{- define "zerohop.labels" -}}
{{ include "zerohop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "zerohop.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "zerohop.fullname" .) -}}
{{- end -}}

{{- define "zerohop.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where a kubelet asks: an address of all interfaces is none to ask. */}}
{{- define "zerohop.probed" -}}
{{- if has .Values.listen.address (list "0.0.0.0" "::") -}}
127.0.0.1
{{- else -}}
{{ .Values.listen.address }}
{{- end -}}
{{- end -}}

{{/* The address and port to listen at. */}}
{{- define "zerohop.listen" -}}
{{- if contains ":" .Values.listen.address -}}
[{{ .Values.listen.address }}]:{{ .Values.listen.port }}
{{- else -}}
{{ .Values.listen.address }}:{{ .Values.listen.port }}
{{- end -}}
{{- end -}}

{{/* How `zerohop status` finds an agent that does not listen where it looks. */}}
{{- define "zerohop.agentOption" -}}
{{- if or (ne (include "zerohop.probed" .) "127.0.0.1") (ne (int .Values.listen.port) 9553) -}}
{{- $host := include "zerohop.probed" . -}}
{{- if contains ":" $host }} --agent http://[{{ $host }}]:{{ .Values.listen.port }}
{{- else }} --agent http://{{ $host }}:{{ .Values.listen.port }}
{{- end -}}
{{- end -}}
{{- end -}}

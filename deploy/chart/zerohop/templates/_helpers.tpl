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

{{/* How `zerohop status` and `zerohop lookup` find what is not pinned where they look. */}}
{{- define "zerohop.pinOption" -}}
{{- if ne .Values.pinDirectory "/sys/fs/bpf/zerohop" }} --pin-directory {{ .Values.pinDirectory }}
{{- end -}}
{{- end -}}

{{/* The affinity of the values, with each of its terms for nodes narrowed, since one of them suffices: to nodes of the
image's architectures that let it do its work. */}}
{{- define "zerohop.affinity" -}}
{{- $ours := list
  (dict "key" "kubernetes.io/arch" "operator" "In" "values" .Values.architectures)
  (dict "key" "eks.amazonaws.com/compute-type" "operator" "NotIn" "values" (list "fargate" "auto"))
  (dict "key" "type" "operator" "NotIn" "values" (list "virtual-kubelet"))
-}}
{{- $affinity := .Values.affinity | default dict | deepCopy -}}
{{- $nodes := get $affinity "nodeAffinity" | default dict -}}
{{- $required := get $nodes "requiredDuringSchedulingIgnoredDuringExecution" | default dict -}}
{{- $terms := list -}}
{{- range get $required "nodeSelectorTerms" | default (list dict) -}}
{{- $expressions := concat (get . "matchExpressions" | default list) $ours -}}
{{- $terms = append $terms (set . "matchExpressions" $expressions) -}}
{{- end -}}
{{- $required = dict "nodeSelectorTerms" $terms -}}
{{- $nodes = set $nodes "requiredDuringSchedulingIgnoredDuringExecution" $required -}}
{{- set $affinity "nodeAffinity" $nodes | toYaml -}}
{{- end -}}

{{/* What a container of ours is allowed. */}}
{{- define "zerohop.securityContext" -}}
{{- if .Values.privileged -}}
privileged: true
{{- else -}}
privileged: false
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  # Maps and programs; attaching them; programs that calculate with pointers.
  add:
    - BPF
    - NET_ADMIN
    - PERFMON
    {{- with .Values.extraCapabilities }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
seccompProfile:
  {{- toYaml .Values.seccompProfile | nindent 2 }}
appArmorProfile:
  {{- toYaml .Values.appArmorProfile | nindent 2 }}
{{- end }}
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
runAsUser: 0
readOnlyRootFilesystem: true
{{- end -}}

{{/* What every container of ours has. */}}
{{- define "zerohop.container" -}}
image: {{ include "zerohop.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

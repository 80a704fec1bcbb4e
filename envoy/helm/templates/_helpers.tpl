{{/* The beginning of the names of all resources. */}}
{{- define "envoy-cognito.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "envoy-cognito.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The image with its digest or tag. */}}
{{- define "envoy-cognito.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The variables that the configuration names as ${NAME}, as a JSON list. `$${` is a literal `${`, and `${sds:…}` is no variable. */}}
{{- define "envoy-cognito.variables" -}}
{{- $text := .Values.config | toJson | replace "$${" "" -}}
{{- $names := list -}}
{{- range regexFindAll "\\$\\{[A-Za-z0-9_]+\\}" $text -1 -}}
{{- $names = append $names (. | trimPrefix "${" | trimSuffix "}") -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The variables for a container, each from the Secret. */}}
{{- define "envoy-cognito.env" -}}
{{- range include "envoy-cognito.variables" . | fromJsonArray }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ $.Values.secret.name | quote }}, key: {{ get $.Values.secret.keys . | default . | quote }} } }
{{- end }}
{{- end -}}

{{/* The name of the cluster with that name and host. */}}
{{- define "envoy-cognito.cluster" -}}
{{- if eq .platform "istio" -}}outbound|443||{{ .host }}{{- else -}}{{ .name }}{{- end -}}
{{- end -}}

{{/* The Region of a pool, from what its settings say. */}}
{{- define "envoy-cognito.region" -}}
{{- $domain := .pool.domain | default "" -}}
{{- $id := .pool.user_pool_id | default "" -}}
{{- if .values.region -}}
{{- .values.region -}}
{{- else if regexMatch "^[a-z]{2}(-[a-z]+)+-[0-9]+_" $id -}}
{{- $id | splitList "_" | first -}}
{{- else if regexMatch "^[^.]+\\.auth\\.[a-z0-9-]+\\.amazoncognito\\.com$" $domain -}}
{{- index (splitList "." $domain) 2 -}}
{{- else -}}
{{- fail (printf "region: is needed, because neither domain (%q) nor user_pool_id (%q) says it" $domain $id) -}}
{{- end -}}
{{- end -}}

{{/*
The configuration with its clusters, and the hosts of the clusters, as JSON: { config, clusters: [{ name, host }] }. Clusters that `config`
names itself stay as they are. Hosts that several pools share have one cluster.
*/}}
{{- define "envoy-cognito.plan" -}}
{{- $values := .Values -}}
{{- $config := deepCopy .Values.config -}}
{{- $names := dict -}}
{{- $clusters := list -}}
{{- $pools := $config.pools | default (list $config) -}}
{{- if and $config.pools (or $values.hosts.idp $values.hosts.api) -}}
{{- fail "hosts: is for one pool. With config.pools, use extraClusters, and name them in each pool's clusters" -}}
{{- end -}}
{{- range $pool := $pools -}}
  {{- $prefix := ternary (printf "cognito_%s" ($pool.name | default "")) "cognito" (hasKey $config "pools") -}}
  {{- $own := $pool.clusters | default dict -}}
  {{- $wanted := list -}}
  {{- if not $own.domain -}}
    {{- if or (not $pool.domain) (contains "${" $pool.domain) -}}
    {{- fail "config.domain: must be a host name, for its cluster. If it is a variable, name a cluster in config.clusters.domain, and its host in extraClusters" -}}
    {{- end -}}
    {{- $wanted = append $wanted (dict "key" "domain" "host" $pool.domain) -}}
  {{- end -}}
  {{- if not $own.idp -}}
    {{- $idp := $values.hosts.idp -}}
    {{- if not $idp -}}
    {{- $idp = printf "cognito-idp.%s.amazonaws.com" (include "envoy-cognito.region" (dict "values" $values "pool" $pool)) -}}
    {{- end -}}
    {{- $wanted = append $wanted (dict "key" "idp" "host" $idp) -}}
  {{- end -}}
  {{- if and $values.hosts.api (not $own.api) -}}
    {{- $wanted = append $wanted (dict "key" "api" "host" $values.hosts.api) -}}
  {{- end -}}
  {{- range $wanted -}}
    {{- if not (hasKey $names .host) -}}
    {{- $name := printf "%s_%s" $prefix .key | replace "-" "_" -}}
    {{- $_ := set $names .host $name -}}
    {{- $clusters = append $clusters (dict "name" $name "host" .host) -}}
    {{- end -}}
    {{- $_ := set $own .key (include "envoy-cognito.cluster" (dict "platform" $values.platform "host" .host "name" (get $names .host))) -}}
  {{- end -}}
  {{- $_ := set $pool "clusters" $own -}}
{{- end -}}
{{- range $name, $host := $values.extraClusters -}}
  {{- /* Istio names clusters after their hosts, and each host may only be registered once. */ -}}
  {{- if not (and (eq $values.platform "istio") (hasKey $names $host)) -}}
  {{- $_ := set $names $host $name -}}
  {{- $clusters = append $clusters (dict "name" $name "host" $host) -}}
  {{- end -}}
{{- end -}}
{{- dict "config" $config "clusters" $clusters | toJson -}}
{{- end -}}

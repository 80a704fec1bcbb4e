//! The fixed parts of the generated configuration. `{name}` marks a placeholder.

pub const LISTENER: &str = r#"static_resources:
  listeners:
    - name: app
      address: { socket_address: { address: {address}, port_value: {port} } }
      filter_chains:
{tls}
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: app
                use_remote_address: true
{hops}
                # The filter is safe with any values here. With these, the app sees the same path
                # that the rules were matched against.
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                common_http_protocol_options:
                  headers_with_underscores_action: DROP_HEADER
                upgrade_configs:
                  - upgrade_type: websocket
                http_filters:
{filter}
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                route_config:
                  virtual_hosts:
                    - name: app
                      domains: ["*"]
                      routes:
                        - match: { prefix: "/" }
                          route: { cluster: app }
"#;

pub const WASM: &str = r#"                  - name: envoy.filters.http.wasm
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        name: envoy_cognito
                        # Requests get 503 while Envoy replaces a failed VM; none bypasses the filter.
                        failure_policy: FAIL_RELOAD
                        vm_config:
                          vm_id: envoy_cognito
                          runtime: envoy.wasm.runtime.v8
                          code: { local: { filename: {wasm} } }
                          environment_variables:
                            # The variables that `${…}` below may use.
                            host_env_keys:
{variables}
                        configuration:
                          "@type": type.googleapis.com/google.protobuf.Struct
                          value:
{settings}
"#;

pub const NATIVE: &str = r#"                  - name: envoy.filters.http.dynamic_modules
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter
                      dynamic_module_config:
{module}
                        # The metrics have the names of the documentation.
                        metrics_namespace: wasmcustom
                        do_not_close: true
                      filter_name: envoy_cognito
                      filter_config:
                        "@type": type.googleapis.com/google.protobuf.Struct
                        value:
{settings}
"#;

pub const NO_TLS: &str = "                # Behind a load balancer that terminates TLS, set `xff_num_trusted_hops: 1`, so that Envoy\n                # trusts its X-Forwarded-Proto: the filter starts no sign-in over plain http.\n";

pub const DOWNSTREAM_TLS: &str = r#"        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [ h2, http/1.1 ]
                tls_certificates:
                  - certificate_chain: { filename: {cert} }
                    private_key: { filename: {key} }
          filters:
"#;

pub const UPSTREAM_TLS: &str = r#"      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: {host}
          common_tls_context:
            tls_params: { tls_minimum_protocol_version: TLSv1_2 }
            validation_context:
              # Without `trusted_ca`, Envoy would accept any certificate.
              trusted_ca: { filename: {ca} }
              match_typed_subject_alt_names:
                - san_type: DNS
                  matcher: { exact: {host} }
"#;

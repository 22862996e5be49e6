"""Envoy's messages as far as we write them in binary: the numbers and types of their fields.

Facts of Envoy's API (`*.proto` of envoy 1.40 and of cncf/xds), which never
change once they are published: a number belongs to its field for ever. A field
that is used by `render` and is not here makes `wire` raise, so whoever renders
something new adds its line.

    message NAME                  enum NAME
        NUMBER [repeated|map] TYPE FIELD        WORD=NUMBER …

The key of a map is a string, and TYPE is that of its values.
"""

from typing import Final

SCHEMA: Final = """
message envoy.config.cluster.v3.CircuitBreakers
    1 repeated envoy.config.cluster.v3.CircuitBreakers.Thresholds thresholds
message envoy.config.cluster.v3.CircuitBreakers.Thresholds
    2 google.protobuf.UInt32Value max_connections
    3 google.protobuf.UInt32Value max_pending_requests
    4 google.protobuf.UInt32Value max_requests
    5 google.protobuf.UInt32Value max_retries
message envoy.config.cluster.v3.Cluster
    1 string name
    2 envoy.config.cluster.v3.Cluster.DiscoveryType type
    4 google.protobuf.Duration connect_timeout
    6 envoy.config.cluster.v3.Cluster.LbPolicy lb_policy
    10 envoy.config.cluster.v3.CircuitBreakers circuit_breakers
    33 envoy.config.endpoint.v3.ClusterLoadAssignment load_assignment
    36 map google.protobuf.Any typed_extension_protocol_options
message envoy.config.common.mutation_rules.v3.HeaderMutation
    1 string remove
message envoy.config.core.v3.Address
    2 envoy.config.core.v3.Pipe pipe
message envoy.config.core.v3.CidrRange
    1 string address_prefix
    2 google.protobuf.UInt32Value prefix_len
message envoy.config.core.v3.DataSource
    3 string inline_string
message envoy.config.core.v3.HeaderValue
    1 string key
    2 string value
message envoy.config.core.v3.HeaderValueOption
    1 envoy.config.core.v3.HeaderValue header
    3 envoy.config.core.v3.HeaderValueOption.HeaderAppendAction append_action
message envoy.config.core.v3.Http1ProtocolOptions
message envoy.config.core.v3.HttpProtocolOptions
    1 google.protobuf.Duration idle_timeout
    4 google.protobuf.Duration max_stream_duration
message envoy.config.core.v3.Metadata
    1 map google.protobuf.Struct filter_metadata
message envoy.config.core.v3.Pipe
    1 string path
message envoy.config.core.v3.RuntimeFractionalPercent
    1 envoy.type.v3.FractionalPercent default_value
message envoy.config.endpoint.v3.ClusterLoadAssignment
    1 string cluster_name
    2 repeated envoy.config.endpoint.v3.LocalityLbEndpoints endpoints
message envoy.config.endpoint.v3.Endpoint
    1 envoy.config.core.v3.Address address
message envoy.config.endpoint.v3.LbEndpoint
    1 envoy.config.endpoint.v3.Endpoint endpoint
message envoy.config.endpoint.v3.LocalityLbEndpoints
    2 repeated envoy.config.endpoint.v3.LbEndpoint lb_endpoints
message envoy.config.rbac.v3.Permission
    3 bool any
message envoy.config.rbac.v3.Policy
    1 repeated envoy.config.rbac.v3.Permission permissions
    2 repeated envoy.config.rbac.v3.Principal principals
message envoy.config.rbac.v3.Principal
    1 envoy.config.rbac.v3.Principal.Set and_ids
    2 envoy.config.rbac.v3.Principal.Set or_ids
    3 bool any
    7 envoy.type.matcher.v3.MetadataMatcher metadata
    8 envoy.config.rbac.v3.Principal not_id
    10 envoy.config.core.v3.CidrRange direct_remote_ip
message envoy.config.rbac.v3.Principal.Set
    1 repeated envoy.config.rbac.v3.Principal ids
message envoy.config.rbac.v3.RBAC
    1 envoy.config.rbac.v3.RBAC.Action action
    2 map envoy.config.rbac.v3.Policy policies
message envoy.config.route.v3.DirectResponseAction
    1 uint32 status
    2 envoy.config.core.v3.DataSource body
message envoy.config.route.v3.FilterConfig
    3 bool disabled
message envoy.config.route.v3.HeaderMatcher
    1 string name
    7 bool present_match
    13 envoy.type.matcher.v3.StringMatcher string_match
message envoy.config.route.v3.RateLimit
    3 repeated envoy.config.route.v3.RateLimit.Action actions
message envoy.config.route.v3.RateLimit.Action
    3 envoy.config.route.v3.RateLimit.Action.RequestHeaders request_headers
    4 envoy.config.route.v3.RateLimit.Action.RemoteAddress remote_address
    5 envoy.config.route.v3.RateLimit.Action.GenericKey generic_key
    6 envoy.config.route.v3.RateLimit.Action.HeaderValueMatch header_value_match
    8 envoy.config.route.v3.RateLimit.Action.MetaData metadata
message envoy.config.route.v3.RateLimit.Action.GenericKey
    1 string descriptor_value
    2 string descriptor_key
message envoy.config.route.v3.RateLimit.Action.HeaderValueMatch
    1 string descriptor_value
    2 google.protobuf.BoolValue expect_match
    3 repeated envoy.config.route.v3.HeaderMatcher headers
message envoy.config.route.v3.RateLimit.Action.MetaData
    1 string descriptor_key
    2 envoy.type.metadata.v3.MetadataKey metadata_key
    3 string default_value
message envoy.config.route.v3.RateLimit.Action.RemoteAddress
message envoy.config.route.v3.RateLimit.Action.RequestHeaders
    1 string header_name
    2 string descriptor_key
message envoy.config.route.v3.RetryPolicy
    1 string retry_on
    2 google.protobuf.UInt32Value num_retries
    5 repeated envoy.config.route.v3.RetryPolicy.RetryHostPredicate retry_host_predicate
    6 int64 host_selection_retry_max_attempts
    8 envoy.config.route.v3.RetryPolicy.RetryBackOff retry_back_off
    9 repeated envoy.config.route.v3.HeaderMatcher retriable_headers
message envoy.config.route.v3.RetryPolicy.RetryBackOff
    1 google.protobuf.Duration base_interval
    2 google.protobuf.Duration max_interval
message envoy.config.route.v3.RetryPolicy.RetryHostPredicate
    1 string name
    3 google.protobuf.Any typed_config
message envoy.config.route.v3.Route
    1 envoy.config.route.v3.RouteMatch match
    2 envoy.config.route.v3.RouteAction route
    4 envoy.config.core.v3.Metadata metadata
    7 envoy.config.route.v3.DirectResponseAction direct_response
    9 repeated envoy.config.core.v3.HeaderValueOption request_headers_to_add
    10 repeated envoy.config.core.v3.HeaderValueOption response_headers_to_add
    11 repeated string response_headers_to_remove
    12 repeated string request_headers_to_remove
    13 map google.protobuf.Any typed_per_filter_config
    14 string name
message envoy.config.route.v3.RouteAction
    1 string cluster
    3 envoy.config.route.v3.WeightedCluster weighted_clusters
    5 string prefix_rewrite
    8 google.protobuf.Duration timeout
    13 repeated envoy.config.route.v3.RateLimit rate_limits
    30 repeated envoy.config.route.v3.RouteAction.RequestMirrorPolicy request_mirror_policies
    32 envoy.type.matcher.v3.RegexMatchAndSubstitute regex_rewrite
message envoy.config.route.v3.RouteAction.RequestMirrorPolicy
    1 string cluster
    3 envoy.config.core.v3.RuntimeFractionalPercent runtime_fraction
    6 bool disable_shadow_host_suffix_append
    7 repeated envoy.config.common.mutation_rules.v3.HeaderMutation request_headers_mutations
message envoy.config.route.v3.RouteConfiguration
    1 string name
    2 repeated envoy.config.route.v3.VirtualHost virtual_hosts
    7 google.protobuf.BoolValue validate_clusters
    14 bool ignore_port_in_host_matching
message envoy.config.route.v3.RouteList
    1 repeated envoy.config.route.v3.Route routes
message envoy.config.route.v3.RouteMatch
    1 string prefix
    2 string path
    6 repeated envoy.config.route.v3.HeaderMatcher headers
    10 envoy.type.matcher.v3.RegexMatcher safe_regex
message envoy.config.route.v3.VirtualHost
    1 string name
    2 repeated string domains
    3 repeated envoy.config.route.v3.Route routes
    16 envoy.config.route.v3.RetryPolicy retry_policy
    21 xds.type.matcher.v3.Matcher matcher
message envoy.config.route.v3.WeightedCluster
    1 repeated envoy.config.route.v3.WeightedCluster.ClusterWeight clusters
message envoy.config.route.v3.WeightedCluster.ClusterWeight
    1 string name
    2 google.protobuf.UInt32Value weight
    5 repeated envoy.config.core.v3.HeaderValueOption response_headers_to_add
    10 map google.protobuf.Any typed_per_filter_config
message envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute
    1 repeated envoy.extensions.filters.http.api_key_auth.v3.Credential credentials
    2 repeated envoy.extensions.filters.http.api_key_auth.v3.KeySource key_sources
    4 envoy.extensions.filters.http.api_key_auth.v3.Forwarding forwarding
message envoy.extensions.filters.http.api_key_auth.v3.Credential
    1 string key
    2 string client
message envoy.extensions.filters.http.api_key_auth.v3.Forwarding
    1 string header
    2 bool hide_credentials
message envoy.extensions.filters.http.api_key_auth.v3.KeySource
    1 string header
    2 string query
message envoy.extensions.filters.http.buffer.v3.Buffer
    1 google.protobuf.UInt32Value max_request_bytes
message envoy.extensions.filters.http.buffer.v3.BufferPerRoute
    2 envoy.extensions.filters.http.buffer.v3.Buffer buffer
message envoy.extensions.filters.http.cors.v3.CorsPolicy
    1 repeated envoy.type.matcher.v3.StringMatcher allow_origin_string_match
    2 string allow_methods
    3 string allow_headers
    4 string expose_headers
    5 string max_age
    6 google.protobuf.BoolValue allow_credentials
message envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig
    2 string requirement_name
message envoy.extensions.filters.http.rbac.v3.RBAC
    1 envoy.config.rbac.v3.RBAC rules
message envoy.extensions.filters.http.rbac.v3.RBACPerRoute
    2 envoy.extensions.filters.http.rbac.v3.RBAC rbac
message envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
message envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    1 envoy.config.core.v3.HttpProtocolOptions common_http_protocol_options
    3 envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig explicit_http_config
message envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig
    1 envoy.config.core.v3.Http1ProtocolOptions http_protocol_options
message envoy.type.matcher.v3.DoubleMatcher
    2 double exact
message envoy.type.matcher.v3.HttpRequestHeaderMatchInput
    1 string header_name
message envoy.type.matcher.v3.ListMatcher
    1 envoy.type.matcher.v3.ValueMatcher one_of
message envoy.type.matcher.v3.MetadataMatcher
    1 string filter
    2 repeated envoy.type.matcher.v3.MetadataMatcher.PathSegment path
    3 envoy.type.matcher.v3.ValueMatcher value
message envoy.type.matcher.v3.MetadataMatcher.PathSegment
    1 string key
message envoy.type.matcher.v3.RegexMatchAndSubstitute
    1 envoy.type.matcher.v3.RegexMatcher pattern
    2 string substitution
message envoy.type.matcher.v3.RegexMatcher
    2 string regex
message envoy.type.matcher.v3.StringMatcher
    1 string exact
    5 envoy.type.matcher.v3.RegexMatcher safe_regex
message envoy.type.matcher.v3.ValueMatcher
    2 envoy.type.matcher.v3.DoubleMatcher double_match
    3 envoy.type.matcher.v3.StringMatcher string_match
    4 bool bool_match
    5 bool present_match
    6 envoy.type.matcher.v3.ListMatcher list_match
message envoy.type.metadata.v3.MetadataKey
    1 string key
    2 repeated envoy.type.metadata.v3.MetadataKey.PathSegment path
message envoy.type.metadata.v3.MetadataKey.PathSegment
    1 string key
message envoy.type.v3.FractionalPercent
    1 uint32 numerator
    2 envoy.type.v3.FractionalPercent.DenominatorType denominator
message xds.core.v3.TypedExtensionConfig
    1 string name
    2 google.protobuf.Any typed_config
message xds.type.matcher.v3.Matcher
    1 xds.type.matcher.v3.Matcher.MatcherList matcher_list
    2 xds.type.matcher.v3.Matcher.MatcherTree matcher_tree
    3 xds.type.matcher.v3.Matcher.OnMatch on_no_match
message xds.type.matcher.v3.Matcher.MatcherList
    1 repeated xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher matchers
message xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher
    1 xds.type.matcher.v3.Matcher.MatcherList.Predicate predicate
    2 xds.type.matcher.v3.Matcher.OnMatch on_match
message xds.type.matcher.v3.Matcher.MatcherList.Predicate
    1 xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate single_predicate
    3 xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList and_matcher
    4 xds.type.matcher.v3.Matcher.MatcherList.Predicate not_matcher
message xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList
    1 repeated xds.type.matcher.v3.Matcher.MatcherList.Predicate predicate
message xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate
    1 xds.core.v3.TypedExtensionConfig input
    2 xds.type.matcher.v3.StringMatcher value_match
message xds.type.matcher.v3.Matcher.MatcherTree
    1 xds.core.v3.TypedExtensionConfig input
    3 xds.type.matcher.v3.Matcher.MatcherTree.MatchMap prefix_match_map
message xds.type.matcher.v3.Matcher.MatcherTree.MatchMap
    1 map xds.type.matcher.v3.Matcher.OnMatch map
message xds.type.matcher.v3.Matcher.OnMatch
    1 xds.type.matcher.v3.Matcher matcher
    2 xds.core.v3.TypedExtensionConfig action
message xds.type.matcher.v3.RegexMatcher
    1 xds.type.matcher.v3.RegexMatcher.GoogleRE2 google_re2
    2 string regex
message xds.type.matcher.v3.RegexMatcher.GoogleRE2
message xds.type.matcher.v3.StringMatcher
    5 xds.type.matcher.v3.RegexMatcher safe_regex
enum envoy.config.cluster.v3.Cluster.DiscoveryType
    STATIC=0
enum envoy.config.cluster.v3.Cluster.LbPolicy
    LEAST_REQUEST=1
enum envoy.config.core.v3.HeaderValueOption.HeaderAppendAction
    APPEND_IF_EXISTS_OR_ADD=0 ADD_IF_ABSENT=1 OVERWRITE_IF_EXISTS_OR_ADD=2 OVERWRITE_IF_EXISTS=3
enum envoy.config.rbac.v3.RBAC.Action
    ALLOW=0 DENY=1 LOG=2
enum envoy.type.v3.FractionalPercent.DenominatorType
    HUNDRED=0 TEN_THOUSAND=1 MILLION=2
"""

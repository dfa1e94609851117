//! Defines the macro for the table of endpoints.

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The endpoint ignores the body.
    None,
    /// The body is a JSON object.
    Json,
    /// The body is a JSON object, or a form with the same members (RFC 6749 §4.3.2).
    JsonOrForm,
    /// The body is a JSON object, or a form that contains the same members and the caller's token (RFC 6750 §2.2).
    JsonOrTokenForm,
    /// The body is the same as [`Body::JsonOrTokenForm`] or empty.
    OptionalJsonOrTokenForm,
    /// The body can be a form that contains the caller's token. Any other body is ignored.
    TokenForm,
}

/// The reason why a request belongs to no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The path does not exist.
    Path,
    /// The path exists, but does not support the method.
    Method {
        /// The methods that the path supports.
        allowed: Vec<&'static str>,
    },
}

/// The part of a declaration that is needed to find the endpoint of a request.
pub(super) struct Entry<E> {
    pub(super) method: &'static str,
    pub(super) template: &'static str,
    /// Returns the endpoint with the parameters of a path.
    pub(super) build: fn(&mut std::vec::IntoIter<String>) -> Option<E>,
}

/// Defines the enum `Endpoint` from a table. `openapi::operation` describes the members of an entry.
macro_rules! endpoints {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $({ $($parameter:ident: $type:ty),+ })? = $method:ident $template:literal {
            tag: $tag:ident,
            caller: $caller:ident,
            $(secret: $secret:literal,)?
            $(parameters: [$($named:ident),+],)?
            $(body: $body:ident($request:ty),)?
            $(frames: $from:ty => $to:ty,)?
            reply: $status:literal $(($reply:ty))? $text:literal,
            $(codes: [$($code:ident),+],)?
            $(more: $more:tt,)?
        }
    )+) => {
        /// An endpoint of the HTTP API, with the parameters in its path.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Endpoint {
            $(
                $(#[doc = $doc])+
                $name $({ $(
                    #[doc = concat!("The parameter `", stringify!($parameter), "` of the path.")]
                    $parameter: $type,
                )+ })?,
            )+
        }

        impl Endpoint {
            pub(super) const ENTRIES: &'static [Entry<Self>] = &[$(Entry {
                method: stringify!($method),
                template: $template,
                build: |_values| Some(Self::$name { $($($parameter: Parameter::read(_values.next()?)?,)+)? }),
            },)+];

            /// Returns the HTTP method of the endpoint.
            pub fn method(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($method),)+ }
            }

            pub(super) fn template(&self) -> &'static str {
                match self { $(Self::$name { .. } => $template,)+ }
            }

            pub(super) fn parameters(&self) -> Vec<&str> {
                match self { $(Self::$name { $($($parameter,)+)? } => vec![$($($parameter.as_str(),)+)?],)+ }
            }

            /// Returns whether a request contains a password, a one-time code or a refresh token. The edge refuses such
            /// a request from a page of another origin, and over plain HTTP from another machine.
            pub fn takes_secret(&self) -> bool {
                match self { $(Self::$name { .. } => [$($secret,)? false][0],)+ }
            }

            pub(super) fn body(&self) -> Body {
                match self { $(Self::$name { .. } => [$(Body::$body,)? Body::None][0],)+ }
            }
        }

        /// Returns the descriptions of all endpoints, from which the OpenAPI document is generated.
        #[cfg(test)]
        pub(crate) fn operations() -> Vec<Operation> {
            vec![$(Operation {
                id: stringify!($name),
                method: stringify!($method),
                template: $template,
                doc: concat!($($doc, "\n",)+),
                tag: Tag::$tag,
                caller: Caller::$caller,
                takes_secret: [$($secret,)? false][0],
                in_path: vec![$($(stringify!($parameter),)+)?],
                parameters: vec![$($(stringify!($named),)+)?],
                body: [$(Some((Body::$body, schema_of::<$request> as SchemaOf)),)? None][0],
                frames: [$(Some((schema_of::<$from> as SchemaOf, schema_of::<$to> as SchemaOf)),)? None][0],
                status: $status,
                reply: [$(Some(schema_of::<$reply> as SchemaOf),)? None][0],
                text: $text,
                codes: vec![$($(Code::$code,)+)?],
                more: [$(serde_json::json!($more),)? serde_json::json!({})][0].clone(),
            },)+]
        }
    };
}

pub(super) use endpoints;

//! One request, from the first byte to the answer: who asks, what for, may they, faults, and then the verb.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use crate::auth::{self, User};
use crate::hook::{Answer, CutAfter, RequestFacts, RequestFault};
use crate::kinds::{self, Kind};
use crate::node::stream::{self, PodRef};
use crate::store::{Deleted, Object, name_of, namespace_of, uid_of};
use crate::{Failure, Sandbox};

use super::body::{self, Body};
use super::decode::{self, Validation};
use super::read::{self, Form};
use super::request::{Info, Query};
use super::schema::wire;
use super::write::{self, Mode, Part};
use super::{answer, discovery, faults, patch, reviews, scale, schema};

/// Longest body that is read; real servers take 3 MiB.
const BODY_BYTES: u64 = 3 << 20;

/// The connection is to end without an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("connection cut")]
pub(super) struct Cut;

/// Serves a request.
pub(super) async fn handle(
    sandbox: &Sandbox,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let path = request.uri().path().to_owned();
    let raw_query = request.uri().query().unwrap_or_default().to_owned();
    let query = Query::read(&raw_query);
    let info = Info::read(request.method().as_str(), &path, &query);
    let user = match identify(sandbox, request.headers()) {
        Ok(user) => user,
        Err(failure) => return Ok(answer::failure(&failure)),
    };
    if path == faults::PATH {
        return Ok(faults::serve(sandbox, &user, request).await);
    }
    let resource = info.whole_resource();
    let facts = RequestFacts {
        method: request.method().as_str(),
        path: &path,
        query: &raw_query,
        verb: &info.verb,
        resource: &resource,
        namespace: &info.namespace,
        name: &info.name,
    };
    let fault = sandbox.hook().on_request(&facts);
    if let Some(delay) = fault.delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(answer) = &fault.answer {
        return Ok(faulty(answer));
    }
    let call = Call {
        sandbox,
        user,
        info,
        query,
        fault: &fault,
    };
    let response = call.serve(request).await?;
    if let Some(restart) = fault.restart_api {
        sandbox.restart_api_later(restart);
        return Err(Cut);
    }
    if fault.swallow_answer {
        return Err(Cut);
    }
    Ok(match fault.cut_answer {
        Some(after) => response.map(|body| body::cut(body, after)),
        None => response,
    })
}

fn identify(sandbox: &Sandbox, headers: &HeaderMap) -> Result<User, Failure> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(User::anonymous());
    };
    let token = header
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "));
    let user = token.and_then(|token| auth::authenticate(sandbox, token.trim()));
    impersonate(user.ok_or_else(Failure::unauthorized)?, headers)
}

/// Lets the administrator act as somebody else, as `kubectl --as` asks for.
fn impersonate(user: User, headers: &HeaderMap) -> Result<User, Failure> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let Some(name) = headers.get("impersonate-user").map(text) else {
        return Ok(user);
    };
    if !user.groups.iter().any(|group| group == auth::MASTERS) {
        let why = format!(
            "users \"{name}\" is forbidden: User \"{}\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            user.name
        );
        return Err(Failure::new(403, "Forbidden", why));
    }
    let groups = headers
        .get_all("impersonate-group")
        .iter()
        .map(text)
        .collect();
    Ok(User::impersonated(name, groups))
}

fn faulty(wanted: &Answer) -> Response<Body> {
    let (reason, message) = match wanted.code {
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden by the fault script"),
        404 => (
            "NotFound",
            "the server could not find the requested resource",
        ),
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        429 => (
            "TooManyRequests",
            "Too many requests, please try again later.",
        ),
        500 => (
            "InternalError",
            "Internal error occurred: made up by the fault script",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        _ => ("", "made up by the fault script"),
    };
    let message = wanted.message.as_deref().unwrap_or(message);
    let mut failure = Failure::new(wanted.code, reason, message);
    failure.retry_after_seconds = wanted.retry_after_seconds;
    if wanted.has_status {
        return answer::failure(&failure);
    }
    let mut response = answer::failure(&failure);
    *response.body_mut() = body::whole(Bytes::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

struct Call<'a> {
    sandbox: &'a Sandbox,
    user: User,
    info: Info,
    query: Query,
    fault: &'a RequestFault,
}

impl Call<'_> {
    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        if let Err(failure) = self.authorize() {
            return Ok(answer::failure(&failure));
        }
        if self.info.resource == "pods"
            && matches!(
                self.info.subresource.as_str(),
                "exec" | "portforward" | "log"
            )
        {
            return Ok(self.pod_stream(request).await);
        }
        let (parts, incoming) = request.into_parts();
        let bytes = match collect(incoming, self.fault.cut_request.as_ref()).await? {
            Ok(bytes) => bytes,
            Err(failure) => return Ok(answer::failure(&failure)),
        };
        let bytes = match as_json(&parts.method, &parts.headers, bytes) {
            Ok(bytes) => bytes,
            Err(failure) => return Ok(answer::failure(&failure)),
        };
        Ok(self
            .answer(&parts.method, &parts.headers, &bytes)
            .unwrap_or_else(|failure| answer::failure(&failure)))
    }

    fn authorize(&self) -> Result<(), Failure> {
        let info = &self.info;
        if auth::authorize(self.sandbox, &self.user, info).is_allowed {
            return Ok(());
        }
        let name = &self.user.name;
        if info.resource.is_empty() {
            let mut failure = Failure::new(
                403,
                "Forbidden",
                format!(
                    "forbidden: User \"{name}\" cannot {} path \"{}\"",
                    info.verb, info.path
                ),
            );
            failure.about = Some(Box::default());
            return Err(failure);
        }
        let place = if info.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", info.namespace)
        };
        let what = info.whole_resource();
        let why = format!(
            "User \"{name}\" cannot {} resource \"{what}\" in API group \"{}\" {place}",
            info.verb, info.group
        );
        Err(self.forbidden(&why))
    }

    fn forbidden(&self, why: &str) -> Failure {
        if let Some(kind) = self.info.kind() {
            return Failure::forbidden(kind, &self.info.name, why);
        }
        let resource = if self.info.group.is_empty() {
            self.info.resource.clone()
        } else {
            format!("{}.{}", self.info.resource, self.info.group)
        };
        Failure::new(403, "Forbidden", format!("{resource} is forbidden: {why}"))
    }

    async fn pod_stream(&self, request: Request<Incoming>) -> Response<Body> {
        let info = &self.info;
        if let Err(failure) = self.check_upgrade_verb() {
            return answer::failure(&failure);
        }
        let object = match self
            .sandbox
            .store()
            .get(&kinds::POD, &info.namespace, &info.name)
        {
            Ok(object) => object,
            Err(failure) => return answer::failure(&failure),
        };
        let pod = PodRef {
            namespace: info.namespace.clone(),
            name: info.name.clone(),
            object,
        };
        match info.subresource.as_str() {
            "exec" => stream::exec(self.sandbox, pod, request).await,
            "portforward" => stream::port_forward(self.sandbox, pod, request).await,
            _ => stream::log(self.sandbox, pod, request).await,
        }
    }

    /// From 1.35 on a stream that is opened by GET needs `create` too. The refusal's message ends empty, as on real servers.
    fn check_upgrade_verb(&self) -> Result<(), Failure> {
        let is_checked =
            self.sandbox.config().kubernetes_minor >= 35 && self.info.subresource != "log";
        if !is_checked || self.info.verb != "get" {
            return Ok(());
        }
        let created = Info {
            verb: "create".to_owned(),
            ..self.info.clone()
        };
        if auth::authorize(self.sandbox, &self.user, &created).is_allowed {
            return Ok(());
        }
        Err(Failure::forbidden(&kinds::POD, &self.info.name, ""))
    }

    fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        bytes: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let accept = headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let form = Form::read(accept);
        if self.info.resource.is_empty() {
            return self.without_resource(method);
        }
        let Some(form) = form else {
            return Err(not_acceptable());
        };
        if let Some(review) = self.review() {
            return self.answer_review(review, bytes);
        }
        let kind = self.info.kind().ok_or_else(Failure::no_such_path)?;
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind.is_namespaced()
            && self.info.namespace.is_empty()
            && !matches!(self.info.verb.as_str(), "list" | "watch")
        {
            return Err(Failure::method_not_allowed());
        }
        match (self.info.subresource.as_str(), kind.plural) {
            ("", _) => self.object(kind, form, content_type, bytes),
            ("status", _) if kind.has_status => {
                self.part(kind, Part::Status, form, content_type, bytes)
            }
            ("token", "serviceaccounts") if self.info.verb == "create" => {
                let request = self
                    .decode("authentication.k8s.io", "TokenRequest", bytes)?
                    .object;
                Ok(answer::json(
                    201,
                    &reviews::token(self.sandbox, &self.info, request)?,
                ))
            }
            ("finalize", "namespaces") if self.info.verb == "update" => self.finalize(bytes),
            ("scale", "deployments" | "replicasets") => {
                let scale = scale::serve(self.sandbox, kind, &self.info, content_type, bytes)?;
                Ok(answer::json(200, &scale))
            }
            _ => Err(Failure::no_such_path()),
        }
    }

    fn without_resource(&self, method: &Method) -> Result<Response<Body>, Failure> {
        let path = self.info.path.trim_end_matches('/');
        if method != Method::GET && method != Method::HEAD {
            return Err(Failure::method_not_allowed());
        }
        let found = match path {
            "/version" => Some(discovery::version(self.sandbox.config().kubernetes_minor)),
            "/healthz" | "/livez" | "/readyz" => {
                return Ok(answer::raw(
                    200,
                    "text/plain; charset=utf-8",
                    b"ok".to_vec(),
                ));
            }
            "/openapi/v2" => Some(schema::v2()),
            "/openapi/v3" => Some(schema::v3_index()),
            path => match path.strip_prefix("/openapi/v3/") {
                Some(group) => schema::v3(group),
                None => discovery::answer(path),
            },
        };
        match found {
            Some(found) => Ok(answer::json(200, &found)),
            None => Ok(answer::raw(
                404,
                "text/plain; charset=utf-8",
                b"404 page not found\n".to_vec(),
            )),
        }
    }

    fn review(&self) -> Option<(&'static str, &'static str)> {
        let found = discovery::REVIEWS
            .iter()
            .find(|review| review.0 == self.info.group && review.1 == self.info.resource)?;
        Some((found.0, found.2))
    }

    fn answer_review(
        &self,
        (group, kind): (&'static str, &'static str),
        bytes: &[u8],
    ) -> Result<Response<Body>, Failure> {
        if self.info.verb != "create" {
            return Err(Failure::method_not_allowed());
        }
        let review = self.decode(group, kind, bytes)?.object;
        Ok(answer::json(
            201,
            &reviews::answer(self.sandbox, &self.user, kind, review)?,
        ))
    }

    fn decode(&self, group: &str, kind: &str, bytes: &[u8]) -> Result<decode::Decoded, Failure> {
        decode::decode(
            group,
            kind,
            bytes,
            Validation::read(self.query.get("fieldValidation")),
        )
    }

    fn mode(&self) -> Mode {
        if self.query.get("dryRun").is_some() {
            Mode::DryRun
        } else {
            Mode::Real
        }
    }

    fn object(
        &self,
        kind: &'static Kind,
        form: Form,
        content_type: &str,
        bytes: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let info = &self.info;
        match info.verb.as_str() {
            "get" => Ok(answer::json(
                200,
                &read::get(self.sandbox, kind, info, &self.query, form)?,
            )),
            "list" => Ok(answer::json(
                200,
                &read::list(self.sandbox, kind, info, &self.query, form)?,
            )),
            "watch" => read::watch(self.sandbox, kind, info, &self.query, form),
            "create" if info.name.is_empty() || *kind == kinds::NAMESPACE => {
                self.create(kind, form, bytes)
            }
            "update" | "patch" if !info.name.is_empty() => {
                self.part(kind, Part::Main, form, content_type, bytes)
            }
            "delete" => self.delete(kind, bytes),
            "deletecollection" => self.delete_all(kind, bytes),
            _ => Err(Failure::method_not_allowed()),
        }
    }

    fn create(
        &self,
        kind: &'static Kind,
        form: Form,
        bytes: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let mut decoded = self.decode(kind.group, kind.kind, bytes)?;
        place(kind, &self.info.namespace, &mut decoded.object)?;
        if let Some(metadata) = decoded.object["metadata"].as_object_mut() {
            if metadata
                .get("resourceVersion")
                .is_some_and(|version| version != "")
            {
                return Err(Failure::bad_request(
                    "resourceVersion should not be set on objects to be created",
                ));
            }
            metadata.remove("uid");
        }
        let made = write::create(self.sandbox, kind, decoded.object, self.mode())?;
        decoded
            .warnings
            .extend(write::security_warnings(self.sandbox, kind, &made));
        let shaped = read::shape(self.sandbox, kind, &made, &self.query, form);
        Ok(with_warnings(answer::json(201, &shaped), &decoded.warnings))
    }

    /// Updates or patches an object or its status.
    fn part(
        &self,
        kind: &'static Kind,
        part: Part,
        form: Form,
        content_type: &str,
        bytes: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let namespace = if kind.is_namespaced() {
            self.info.namespace.as_str()
        } else {
            ""
        };
        let at = (namespace, self.info.name.as_str());
        let mut warnings = Vec::new();
        let changed = match self.info.verb.as_str() {
            "get" => self.sandbox.store().get(kind, namespace, &self.info.name)?,
            "update" => {
                let mut decoded = self.decode(kind.group, kind.kind, bytes)?;
                place(kind, namespace, &mut decoded.object)?;
                if name_of(&decoded.object) != self.info.name {
                    let found = name_of(&decoded.object);
                    return Err(Failure::bad_request(format!(
                        "the name of the object ({found}) does not match the name on the URL ({})",
                        self.info.name
                    )));
                }
                warnings = decoded.warnings;
                write::change(self.sandbox, kind, at, part, self.mode(), |object| {
                    *object = decoded.object;
                    Ok(())
                })?
            }
            "patch" => write::change(self.sandbox, kind, at, part, self.mode(), |object| {
                patch::apply(kind, content_type, bytes, object)?;
                let validation = Validation::read(self.query.get("fieldValidation"));
                let patched = std::mem::take(object);
                let decoded = decode::typed(kind.group, kind.kind, patched, Vec::new(), validation)
                    .map_err(as_patch)?;
                *object = decoded.object;
                warnings = decoded.warnings;
                Ok(())
            })?,
            _ => return Err(Failure::method_not_allowed()),
        };
        warnings.extend(write::security_warnings(self.sandbox, kind, &changed));
        let shaped = read::shape(self.sandbox, kind, &changed, &self.query, form);
        Ok(with_warnings(answer::json(200, &shaped), &warnings))
    }

    fn delete(&self, kind: &'static Kind, bytes: &[u8]) -> Result<Response<Body>, Failure> {
        let how = write::deletion(kind, &delete_options(bytes)?, &self.query);
        let namespace = if kind.is_namespaced() {
            self.info.namespace.as_str()
        } else {
            ""
        };
        if self.mode() == Mode::DryRun {
            let object = self.sandbox.store().get(kind, namespace, &self.info.name)?;
            return Ok(answer::json(200, &deleted(kind, &Deleted::Gone(object))));
        }
        let done = write::delete(self.sandbox, kind, namespace, &self.info.name, &how)?;
        Ok(answer::json(200, &deleted(kind, &done)))
    }

    fn delete_all(&self, kind: &'static Kind, bytes: &[u8]) -> Result<Response<Body>, Failure> {
        if *kind == kinds::NAMESPACE {
            return Err(Failure::method_not_allowed());
        }
        let how = write::deletion(kind, &delete_options(bytes)?, &self.query);
        let list = read::list(self.sandbox, kind, &self.info, &self.query, Form::Plain)?;
        for object in list["items"].as_array().into_iter().flatten() {
            match write::delete(
                self.sandbox,
                kind,
                namespace_of(object),
                name_of(object),
                &how,
            ) {
                Err(failure) if !failure.is_not_found() => return Err(failure),
                _ => {}
            }
        }
        Ok(answer::json(200, &list))
    }

    fn finalize(&self, bytes: &[u8]) -> Result<Response<Body>, Failure> {
        let wanted = self.decode("", "Namespace", bytes)?.object;
        let changed =
            self.sandbox
                .store()
                .modify(&kinds::NAMESPACE, "", &self.info.name, |object| {
                    object["spec"]["finalizers"] = wanted["spec"]["finalizers"].clone();
                    Ok(())
                })?;
        Ok(answer::json(200, &changed))
    }
}

/// Turns the binary encoding and YAML into JSON, and refuses what is neither. A patch says in its type how it is meant.
fn as_json(method: &Method, headers: &HeaderMap, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    if bytes.is_empty() || *method == Method::PATCH {
        return Ok(bytes);
    }
    let object = match kind {
        "" | "application/json" => return Ok(bytes),
        "application/yaml" => {
            let text = String::from_utf8_lossy(&bytes);
            serde_saphyr::from_str::<Value>(&text).map_err(|error| {
                Failure::bad_request(format!("error converting YAML to JSON: {error}"))
            })?
        }
        wire::CONTENT_TYPE => wire::decode(&bytes)
            .ok_or_else(|| Failure::bad_request("unable to decode the protobuf body"))?,
        _ => {
            return Err(Failure::new(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json, \
                 application/yaml, application/vnd.kubernetes.protobuf",
            ));
        }
    };
    Ok(object.to_string().into_bytes())
}

/// Checks or takes over the namespace of the path.
fn place(kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Failure> {
    if !kind.is_namespaced() {
        return Ok(());
    }
    match namespace_of(object) {
        "" => {
            object["metadata"]["namespace"] = namespace.into();
            Ok(())
        }
        found if found == namespace => Ok(()),
        _ => Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}

/// A patch whose result is no good is the patch's fault.
fn as_patch(failure: Failure) -> Failure {
    let why = failure
        .message
        .rsplit_once(": strict decoding error: ")
        .map(|(_, why)| why.to_owned());
    match why {
        Some(why) => Failure::new(
            422,
            "Invalid",
            format!(" \"\" is invalid: patch: Invalid value: strict decoding error: {why}"),
        ),
        None => failure,
    }
}

fn delete_options(bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::bad_request(format!("error decoding options: {error}")))
}

/// Says what a deletion came to. Kinds that wait for somebody answer with the object, the others with a `Status`.
fn deleted(kind: &Kind, done: &Deleted) -> Value {
    let (Deleted::Gone(object) | Deleted::Pending(object)) = done;
    let returns_object = matches!(
        kind.plural,
        "pods"
            | "namespaces"
            | "persistentvolumeclaims"
            | "persistentvolumes"
            | "services"
            | "serviceaccounts"
            | "storageclasses"
    );
    if returns_object || matches!(done, Deleted::Pending(_)) {
        return Value::clone(object);
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details(kind, object),
    })
}

fn details(kind: &Kind, object: &Object) -> Value {
    let mut details = json!({"name": name_of(object), "kind": kind.plural, "uid": uid_of(object)});
    if !kind.group.is_empty() {
        details["group"] = kind.group.into();
    }
    details
}

fn with_warnings(mut response: Response<Body>, warnings: &[String]) -> Response<Body> {
    for warning in warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append("warning", value);
        }
    }
    response
}

fn not_acceptable() -> Failure {
    Failure::new(
        406,
        "NotAcceptable",
        "406: Not Acceptable\n\nAvailable representations: application/json",
    )
}

/// Reads a body. The outer error ends the connection, the inner one is answered.
async fn collect(
    mut incoming: Incoming,
    cut: Option<&CutAfter>,
) -> Result<Result<Vec<u8>, Failure>, Cut> {
    let mut bytes = Vec::new();
    loop {
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(cut) = cut.filter(|cut| read >= cut.bytes) {
            cut.struck.count();
            return Err(Cut);
        }
        if read > BODY_BYTES {
            let why = "Request entity too large: limit is 3145728";
            return Ok(Err(Failure::new(413, "RequestEntityTooLarge", why)));
        }
        match incoming.frame().await {
            None => return Ok(Ok(bytes)),
            Some(Err(_)) => return Err(Cut),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
            }
        }
    }
}

//! Tokens, roles and admission. The sentences are those of Kubernetes 1.35.4.

use serde_json::{Value, json};

use super::cluster::{Cluster, MERGE, refused};

async fn account(cluster: &Cluster, name: &str) -> Cluster {
    cluster
        .post(
            &cluster.core("serviceaccounts"),
            json!({"metadata": {"name": name}}),
        )
        .await
        .unwrap();
    let request = json!({"spec": {"expirationSeconds": 600}});
    let answer = cluster
        .post(
            &cluster.core(&format!("serviceaccounts/{name}/token")),
            request,
        )
        .await
        .unwrap();
    cluster
        .with_token(answer["status"]["token"].as_str().unwrap())
        .await
}

async fn grant(cluster: &Cluster, account: &str, rules: Value) {
    let roles = cluster.group("rbac.authorization.k8s.io", "roles");
    cluster
        .post(
            &roles,
            json!({"metadata": {"name": account}, "rules": rules}),
        )
        .await
        .unwrap();
    let binding = json!({
        "metadata": {"name": account}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": cluster.namespace}],
    });
    cluster
        .post(
            &cluster.group("rbac.authorization.k8s.io", "rolebindings"),
            binding,
        )
        .await
        .unwrap();
}

pub(crate) async fn may(cluster: &Cluster, verb: &str, resource: &str, subresource: &str) -> bool {
    let attributes = json!({"namespace": cluster.namespace, "verb": verb, "resource": resource, "subresource": subresource});
    let review = json!({"spec": {"resourceAttributes": attributes}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    cluster.post(path, review).await.unwrap()["status"]["allowed"] == true
}

pub(crate) async fn short_tokens_and_missing_accounts_are_refused(cluster: &Cluster) {
    let request = |seconds: u64| json!({"spec": {"expirationSeconds": seconds}});
    refused(
        cluster
            .post(&cluster.core("serviceaccounts/default/token"), request(599))
            .await,
        422,
        "Invalid",
        "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration \
         less than 10 minutes",
    );
    refused(
        cluster
            .post(&cluster.core("serviceaccounts/none/token"), request(600))
            .await,
        404,
        "NotFound",
        "serviceaccounts \"none\" not found",
    );
    let default = cluster
        .post(&cluster.core("serviceaccounts/default/token"), json!({}))
        .await
        .unwrap();
    assert_eq!(default["spec"]["expirationSeconds"], 3600);
}

pub(crate) async fn a_token_is_its_account(cluster: &Cluster) {
    let other = account(cluster, "self").await;
    let review = other
        .post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            json!({}),
        )
        .await
        .unwrap();
    let user = format!("system:serviceaccount:{}:self", cluster.namespace);
    assert_eq!(review["status"]["userInfo"]["username"], user.as_str());
    let stranger = cluster.with_token("nonsense").await;
    refused(
        stranger.get(&cluster.core("pods")).await,
        401,
        "Unauthorized",
        "Unauthorized",
    );
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = cluster
        .post(reviews, json!({"spec": {"token": "nonsense"}}))
        .await
        .unwrap();
    assert_ne!(review["status"]["authenticated"], true);
}

pub(crate) async fn a_token_secret_is_filled(cluster: &Cluster) {
    let secret = json!({
        "metadata": {"name": "long-lived", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    });
    cluster
        .post(&cluster.core("secrets"), secret)
        .await
        .unwrap();
    let path = cluster.core("secrets/long-lived");
    let filled = cluster
        .until("the token", &path, |secret| {
            secret["data"]["token"].is_string()
        })
        .await;
    let token = data_encoding::BASE64
        .decode(filled["data"]["token"].as_str().unwrap().as_bytes())
        .unwrap();
    let review = json!({"spec": {"token": String::from_utf8(token).unwrap()}});
    let review = cluster
        .post("/apis/authentication.k8s.io/v1/tokenreviews", review)
        .await
        .unwrap();
    let user = format!("system:serviceaccount:{}:default", cluster.namespace);
    assert_eq!(review["status"]["user"]["username"], user.as_str());
    let list = cluster
        .get(&cluster.core("secrets?fieldSelector=type%3Dkubernetes.io/service-account-token"))
        .await
        .unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

pub(crate) async fn a_role_is_all_an_account_may(cluster: &Cluster) {
    let other = account(cluster, "narrow").await;
    let user = format!("system:serviceaccount:{}:narrow", cluster.namespace);
    let pods = cluster.core("pods");
    let denied = |verb: &str, resource: &str, object: &str| {
        format!(
            "{object} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"{}\"",
            cluster.namespace
        )
    };
    refused(
        other.get(&pods).await,
        403,
        "Forbidden",
        &denied("list", "pods", "pods"),
    );
    grant(
        cluster,
        "narrow",
        json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]),
    )
    .await;
    for _ in 0..100 {
        if may(&other, "list", "pods", "").await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    other.get(&pods).await.unwrap();
    assert!(!may(&other, "create", "pods", "").await && !may(&other, "get", "pods", "log").await);
    refused(
        other.get(&cluster.core("pods/x/log")).await,
        403,
        "Forbidden",
        &denied("get", "pods/log", "pods \"x\""),
    );
    refused(
        other.post(&pods, json!({})).await,
        403,
        "Forbidden",
        &denied("create", "pods", "pods"),
    );
}

pub(crate) async fn exec_by_get_needs_create_too(cluster: &Cluster) {
    let other = account(cluster, "half").await;
    let rules = json!([{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}]);
    grant(cluster, "half", rules).await;
    for _ in 0..100 {
        if may(&other, "get", "pods", "exec").await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let version = cluster.get("/version").await.unwrap();
    let is_both = version["minor"]
        .as_str()
        .unwrap()
        .trim_end_matches('+')
        .parse::<u32>()
        .unwrap()
        >= 35;
    let answer = other
        .get(&cluster.core("pods/x/exec?command=true&stdout=1"))
        .await;
    if is_both {
        refused(answer, 403, "Forbidden", "pods \"x\" is forbidden: ");
    } else {
        refused(answer, 404, "NotFound", "pods \"x\" not found");
    }
}

pub(crate) async fn restricted_namespaces_refuse_pods_that_ask_for_more(cluster: &Cluster) {
    let namespace = format!("/api/v1/namespaces/{}", cluster.namespace);
    let label = |value: Value| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": value}}});
    cluster
        .patch(&namespace, MERGE, label("restricted".into()))
        .await
        .unwrap();
    let pod = json!({"metadata": {"name": "wide"}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}});
    refused(
        cluster.post(&cluster.core("pods"), pod).await,
        403,
        "Forbidden",
        "pods \"wide\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"c\" \
         must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set \
         securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set \
         securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \
         \"RuntimeDefault\" or \"Localhost\")",
    );
    cluster
        .patch(&namespace, MERGE, label(Value::Null))
        .await
        .unwrap();
}

//! The one table of what can be found. `docs/cluster.md` lists it; a test holds the two together.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Something is worse than it could be, or not known.
    Warning,
    /// Nothing can be sent.
    Error,
}

impl Severity {
    /// Returns the word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What kind of trouble an error is. The command line has an exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Local configuration.
    Configuration,
    /// The cluster cannot be reached.
    Unreachable,
    /// The release or its volume is not there, or not usable.
    NotFound,
    /// This user may not.
    NotAuthorised,
    /// The stage pod cannot be made.
    Staging,
    /// The release takes no submissions.
    Submission,
}

/// What becomes of a trouble that nobody does anything about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It may go away: the same command may succeed later, unchanged.
    Passing,
    /// It stays until somebody mends it.
    Lasting,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The id in all output.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of trouble it is.
    pub class: Class,
    /// Whether it may pass.
    pub course: Course,
    /// What is found, as half a sentence.
    pub offence: &'static str,
    /// What to do about it, as a sentence.
    pub remedy: &'static str,
}

macro_rules! rules {
    ($( $rule:ident $id:literal $severity:ident $class:ident $course:ident $offence:literal $remedy:literal )*) => {
        /// Names a row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is described by its row")]
        pub enum Rule { $( $rule, )* }

        impl Rule {
            /// Returns its row.
            #[must_use]
            pub fn row(self) -> &'static Row {
                match self {
                    $( Self::$rule => &Row {
                        id: $id, severity: Severity::$severity, class: Class::$class, course: Course::$course,
                        offence: $offence, remedy: $remedy,
                    }, )*
                }
            }
        }

        /// All rules.
        pub const TABLE: &[Rule] = &[ $( Rule::$rule, )* ];
    };
}

rules! {
    CertificateUnchecked "server.certificate-unchecked" Warning Configuration Lasting
        "the kubeconfig switches the check of the server's certificate off"
        "Remove insecure-skip-tls-verify from the kubeconfig and give it the cluster's authority: whoever stands on the way can read what is sent."
    Unreachable "server.unreachable" Error Unreachable Passing
        "the API server cannot be reached"
        "See that the cluster runs and that its address in the kubeconfig is right; a VPN may be off."
    Proxy "server.proxy" Error Unreachable Passing
        "the proxy does not let the connection through"
        "See HTTPS_PROXY and proxy-url, or name the server in NO_PROXY."
    Certificate "server.certificate" Error Unreachable Lasting
        "the server's certificate is not accepted"
        "Fetch the kubeconfig again: its authority, or the name of the server, is another one now."
    NotKubernetes "server.not-kubernetes" Error Unreachable Passing
        "something else than an API server answers"
        "See that the server's address in the kubeconfig is right and that no proxy or login page answers in its place."
    TooSlow "server.timeout" Error Unreachable Passing
        "the API server does not answer in time"
        "Try again; --request-timeout gives it longer."
    Credential "server.credential" Error Configuration Passing
        "there is no credential to log in with"
        "Log in again with the tool that made the kubeconfig, at a terminal."
    Unauthorized "server.unauthorized" Error NotAuthorised Lasting
        "the server does not take the credential"
        "Log in again, or fetch the kubeconfig again: the credential has expired or was withdrawn."
    Refused "server.refused" Error Unreachable Passing
        "the server refuses a request for a reason of its own"
        "The reason above is the server's; its administrator may know more."
    NoNamespace "namespace.missing" Error NotFound Lasting
        "the namespace does not exist"
        "Name the namespace of the release with --namespace."
    NoRelease "release.none" Error NotFound Lasting
        "there is no parent release"
        "Name the namespace of the release with --namespace, or install it there."
    SeveralReleases "release.several" Error NotFound Lasting
        "there are several parent releases in one namespace"
        "Remove all but one; which of them is meant is not guessed."
    ReleaseElsewhere "release.elsewhere" Error NotFound Lasting
        "several other namespaces have a release"
        "Choose one of them with --namespace."
    ReleaseUnreadable "release.unreadable" Error NotAuthorised Lasting
        "Deployments may not be listed, so the release cannot be found"
        "Have the permissions below granted in the namespace of the release."
    ReleaseMoved "release.namespace" Note NotFound Lasting
        "the release is in another namespace than the kubeconfig's, which nobody chose"
        "Name it with --namespace to be sure."
    NoHttp "release.no-submissions" Error Submission Lasting
        "the release takes no submissions"
        "Install the release with its HTTP service switched on."
    ServiceNotReady "release.not-ready" Warning Submission Passing
        "no pod of the service is ready"
        "See what its pods wait for; a run would end at the submission."
    AccountAssumed "release.account" Note NotFound Lasting
        "the release does not say which account ingests, so the usual name is taken"
        "Name the account with --ingestor-sa if it is another one."
    NoClaim "volume.none" Error NotFound Lasting
        "the shared volume's claim is not there"
        "Install the release with its volume, or name the namespace that has it with --namespace."
    VolumeUnreadable "volume.unreadable" Error NotAuthorised Lasting
        "the volume's claim may not be read"
        "Have the permissions below granted in the namespace of the release."
    NotBound "volume.not-bound" Error NotFound Passing
        "the claim is not bound to a volume"
        "See with `kubectl describe pvc client-pvc` what it waits for; its storage class may be missing."
    BindsLate "volume.binds-late" Note NotFound Lasting
        "the claim will be bound when the first pod wants it"
        "Nothing has to be done: the stage pod is such a pod."
    MayBind "volume.may-bind" Warning NotFound Passing
        "the claim is not bound, and whether it will be cannot be read"
        "Have storage classes made readable, or just go on: the stage pod will tell."
    OnePod "volume.one-pod" Error NotFound Lasting
        "one pod at a time may mount the volume, and another one has it"
        "Install the release with the access mode ReadWriteMany or ReadWriteOnce."
    ReadOnly "volume.read-only-mode" Error NotFound Lasting
        "nobody may write to the volume"
        "Install the release with the access mode ReadWriteMany or ReadWriteOnce."
    OneNode "volume.one-node" Note NotFound Lasting
        "one node at a time may mount the volume, so the stage pod goes there"
        "Nothing has to be done."
    NoPermission "permissions.missing" Error NotAuthorised Lasting
        "a permission that every run needs is missing"
        "Have this rule added to a role in the namespace of the release:"
    NoUsefulPermission "permissions.degraded" Note NotAuthorised Lasting
        "a permission that helps is missing"
        "Nothing has to be done; with this rule more could be told:"
    PermissionsUnknown "permissions.unknown" Warning NotAuthorised Passing
        "permissions cannot be asked for"
        "Go on: a request that is not allowed will be refused then."
    NoToken "token.none" Error NotAuthorised Lasting
        "no token of the ingestor's account can be had"
        "Have `create` on serviceaccounts/token granted, or a Secret with a long-lived token of the account made."
    TokenInvalid "token.refused" Error NotAuthorised Lasting
        "the server refuses to make a token"
        "See the reason above; lifetimes below 600 s are not given."
    StaticToken "token.static" Note NotAuthorised Lasting
        "the token is a long-lived one from a Secret"
        "With `create` on serviceaccounts/token a short-lived one would be used."
    ShortToken "token.short" Warning NotAuthorised Lasting
        "the server gives the token a shorter life than was asked for"
        "Nothing has to be done; an upload that takes longer gets another one."
    Architecture "stage.architecture" Error Staging Lasting
        "the image of the stage pod is not made for the node's architecture"
        "Name an image for that architecture with --stage-pod-image."
    Quota "stage.quota" Error Staging Passing
        "a quota leaves no room for the stage pod"
        "Have the quota raised by one pod with 50m cpu and 64Mi memory (limit 256Mi), or a default for what it demands set."
    PodSecurity "stage.pod-security" Error Staging Lasting
        "the namespace's level of pod security refuses the stage pod"
        "The pod fits the level `restricted`; see what else the namespace demands."
    Policy "stage.policy" Error Staging Lasting
        "a policy of the cluster refuses the stage pod"
        "The reason above is the policy's; an image that it takes is named with --stage-pod-image."
    Admission "stage.refused" Error Staging Lasting
        "the server refuses the stage pod"
        "The reason above is the server's."
    NotReady "stage.not-ready" Error Staging Lasting
        "the stage pod does not become ready"
        "The reason above is the node's or the scheduler's; --pod-timeout gives it longer."
    PodTooSlow "stage.too-slow" Error Staging Passing
        "the stage pod does not become ready in time"
        "Give it longer with --pod-timeout, or see what the pod waits for."
    PodGone "stage.gone" Error Staging Passing
        "the stage pod goes away while it is used"
        "Try again; the node, or whoever deletes pods, may know more."
    Image "stage.image" Error Staging Lasting
        "no image for the stage pod can be had"
        "Name one that the cluster can pull with --stage-pod-image; docs/stage-image.md says what it needs."
    OtherImage "stage.other-image" Warning Staging Lasting
        "an image of another pod stands in for the default one"
        "Name one that the cluster can pull with --stage-pod-image to be sure of what runs."
    LeftBehind "stage.left-behind" Warning Staging Passing
        "the stage pod could not be deleted"
        "It ends by itself; `longshore cluster clean` removes it later."
    ExecRefused "exec.refused" Error Staging Lasting
        "no command can be started in the stage pod"
        "See the reason above: a proxy may not let WebSockets through, or a policy forbid exec."
    ExecBroken "exec.broken" Error Staging Passing
        "a command in the stage pod does not bring back what it should"
        "Try again; something on the way may end long connections."
    ExecGarbled "exec.garbled" Error Staging Lasting
        "other bytes arrive than were sent"
        "Nothing can be sent safely over this way: try without a proxy, or from another network."
    NoProgram "stage.program-missing" Error Staging Lasting
        "the image of the stage pod lacks a program"
        "Name an image with busybox or coreutils with --stage-pod-image."
    NoSpace "volume.full" Error Staging Passing
        "the volume is full"
        "Make room on the volume, or make it larger."
    NoInodes "volume.no-inodes" Error Staging Passing
        "the volume can hold no more files"
        "Remove files from the volume, or make it larger."
    ReadOnlyVolume "volume.read-only" Error Staging Lasting
        "the volume is mounted read-only"
        "See the access modes of the claim and the health of the volume."
    NotWritable "volume.not-writable" Error Staging Lasting
        "the stage pod's user may not write to the volume"
        "Let group 65532 write to the root of the volume, or user 65532."
    VolumeTrouble "volume.io" Error Staging Passing
        "something fails on the volume"
        "See the health of the volume."
    Orphans "orphans.ended" Note Staging Lasting
        "stage pods of runs that are over lie about"
        "Remove them with `longshore cluster clean`; the next push does so too."
    ForeignOrphans "orphans.foreign" Note Staging Lasting
        "stage pods of another client look abandoned"
        "If nobody uses them: "
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only an error ends a command that could be run again.
    fn retryable(row: &Row) -> &'static str {
        match (row.severity, row.course) {
            (Severity::Error, Course::Passing) => "yes",
            (Severity::Error, Course::Lasting) => "no",
            (Severity::Warning | Severity::Note, _) => "",
        }
    }

    #[test]
    fn ids_are_unique_and_the_page_lists_them() {
        let page = testkit::shared::workspace_dir().join("docs/cluster.md");
        let page = std::fs::read_to_string(page).unwrap();
        for (index, rule) in TABLE.iter().enumerate() {
            let row = rule.row();
            let twice = TABLE
                .iter()
                .skip(index + 1)
                .any(|other| other.row().id == row.id);
            assert!(!twice, "{}", row.id);
            let line = format!(
                "| `{}` | {} | {} | {} |",
                row.id,
                row.severity.name(),
                retryable(row),
                row.offence
            );
            assert!(page.contains(&line), "docs/cluster.md lacks\n{line}");
        }
    }
}

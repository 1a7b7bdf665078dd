//! Which kubeconfig, context and namespace count (formats, 2.1).

use std::path::{Path, PathBuf};

use cluster::target::{Choice, NamespaceSource, Surroundings, Target, TargetError, load};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig with one context, whose cluster, user and server are named after it.
    fn config(&self, file: &str, name: &str, namespace: &str) -> PathBuf {
        self.write(
            file,
            &format!(
                "current-context: {name}\n\
                 clusters: [{{name: {name}, cluster: {{server: 'https://{name}.example'}}}}]\n\
                 users: [{{name: {name}, user: {{token: t}}}}]\n\
                 contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}, namespace: '{namespace}'}}}}]\n"
            ),
        )
    }

    fn surroundings(&self, listed: &[&Path]) -> Surroundings {
        Surroundings {
            home: Some(self.0.path().to_owned()),
            kubeconfig: listed.iter().map(|path| path.to_path_buf()).collect(),
            ..Surroundings::default()
        }
    }
}

fn server(target: Result<Target, TargetError>) -> String {
    target.unwrap().server
}

fn given(path: &Path) -> Choice {
    Choice {
        kubeconfig: Some(path.to_owned()),
        ..Choice::default()
    }
}

#[test]
fn the_flag_comes_before_the_variable_and_that_before_the_home() {
    let home = Home::new();
    let own = home.config(".kube/config", "home", "");
    let listed = home.config("listed", "listed", "");
    let flag = home.config("flag", "flag", "");
    let all = home.surroundings(&[&listed]);
    assert_eq!(server(load(&given(&flag), &all)), "https://flag.example");
    assert_eq!(
        server(load(&Choice::default(), &all)),
        "https://listed.example"
    );
    let bare = home.surroundings(&[]);
    assert_eq!(
        server(load(&Choice::default(), &bare)),
        "https://home.example"
    );
    // An empty path is none, wherever it comes from; an explicit one switches the others off.
    assert_eq!(
        server(load(&given(Path::new("")), &bare)),
        "https://home.example"
    );
    let empty = home.surroundings(&[Path::new("")]);
    assert_eq!(
        server(load(&Choice::default(), &empty)),
        "https://home.example"
    );
    std::fs::remove_file(&own).unwrap();
    let missing = given(&own);
    assert!(matches!(
        load(&missing, &all),
        Err(TargetError::Unreadable { .. })
    ));
}

#[test]
fn listed_files_are_merged_and_the_first_wins() {
    let home = Home::new();
    let one = home.config("one", "one", "lab");
    let two = home.config("two", "two", "");
    let again = home.write(
        "again",
        "clusters: [{name: one, cluster: {server: 'https://other.example'}}]\n",
    );
    let nowhere = home.0.path().join("nowhere");
    let all = home.surroundings(&[&nowhere, &one, &two, &again]);
    let target = load(&Choice::default(), &all).unwrap();
    assert_eq!(
        (target.server.as_str(), target.context.as_deref()),
        ("https://one.example", Some("one"))
    );
    let second = Choice {
        context: Some("two".to_owned()),
        ..Choice::default()
    };
    assert_eq!(server(load(&second, &all)), "https://two.example");
}

#[test]
fn the_namespace_knows_who_chose_it() {
    let home = Home::new();
    let with = home.config("with", "a", "lab");
    let without = home.config("without", "a", "");
    let bare = home.surroundings(&[]);
    for (path, flag, namespace, source) in [
        (&with, "", "lab", NamespaceSource::Context),
        (&with, "other", "other", NamespaceSource::Flag),
        (&without, "", "default", NamespaceSource::Default),
    ] {
        let choice = Choice {
            namespace: Some(flag.to_owned()),
            ..given(path)
        };
        let target = load(&choice, &bare).unwrap();
        assert_eq!(
            (target.namespace.as_str(), target.namespace_source),
            (namespace, source)
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    let home = Home::new();
    let bare = home.surroundings(&[]);
    let Err(TargetError::NoKubeconfig { looked }) = load(&Choice::default(), &bare) else {
        panic!("there is none");
    };
    assert_eq!(looked, [home.0.path().join(".kube/config")]);
    let file = |text: &str| load(&given(&home.write("f", text)), &bare).unwrap_err();
    assert!(matches!(file(""), TargetError::NoContext { .. }));
    let context = "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n";
    assert!(matches!(file(context), TargetError::UnknownCluster { .. }));
    let cluster = format!("{context}clusters: [{{name: k, cluster: {{server: 'https://k'}}}}]\n");
    assert!(matches!(file(&cluster), TargetError::UnknownUser { .. }));
    let no_server =
        format!("{context}clusters: [{{name: k, cluster: {{}}}}]\nusers: [{{name: u}}]\n");
    assert!(matches!(file(&no_server), TargetError::BadServer { .. }));
    let provider =
        format!("{cluster}users: [{{name: u, user: {{auth-provider: {{name: gcp}}}}}}]\n");
    assert!(matches!(file(&provider), TargetError::Provider(_)));
    let error = file("current-context: c\nusers:\n- name: u\n  user: {token: [hush]}\n");
    let TargetError::Malformed {
        line: Some(line), ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert!((3..=4).contains(line), "{line}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}

#[test]
fn paths_in_a_kubeconfig_are_relative_to_it() {
    let home = Home::new();
    let config = home.write(
        "below/config",
        "current-context: c\n\
         contexts: [{name: c, context: {cluster: k}}]\n\
         clusters: [{name: k, cluster: {server: 'https://k', certificate-authority: ca.crt}}]\n",
    );
    let bare = home.surroundings(&[]);
    let Err(TargetError::Unreadable { path, .. }) = load(&given(&config), &bare) else {
        panic!("there is no such file");
    };
    assert_eq!(path, home.0.path().join("below/ca.crt"));
    home.write("below/ca.crt", "nonsense");
    assert!(matches!(
        load(&given(&config), &bare),
        Err(TargetError::Authority(_))
    ));
}

//! The image that stage pods run. This is the only place that names it; `docs/stage-image.md` says how to renew it.

/// The image, by digest: an index that holds one image for each of [`ARCHITECTURES`].
pub const DEFAULT: &str =
    "alpine:3.20@sha256:d9e853e87e55526f6b2917df91a2115c36dd7c696a35be12163d44e6e2a4b6bc";

/// When the digest was written down.
pub const PINNED_ON: &str = "2026-08-22";

/// The architectures that the image is there for, in Kubernetes' words.
pub const ARCHITECTURES: [&str; 7] = [
    "386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x",
];

/// Whether the default image runs on a node of that architecture.
#[must_use]
pub fn runs_on(architecture: &str) -> bool {
    ARCHITECTURES.contains(&architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_pinned_and_the_page_about_it_is_true() {
        let (_, digest) = DEFAULT.split_once("@sha256:").unwrap();
        assert_eq!(digest.len(), 64);
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let page = testkit::shared::workspace_dir().join("docs/stage-image.md");
        let page = std::fs::read_to_string(page).unwrap();
        for fact in [DEFAULT, PINNED_ON, &ARCHITECTURES.join(", ")] {
            assert!(
                page.contains(fact),
                "docs/stage-image.md does not say {fact}"
            );
        }
    }

    #[test]
    fn unknown_architectures_are_not_claimed() {
        assert!(runs_on("arm64"));
        assert!(!runs_on("loong64"));
    }
}

//! Which proxy stands between here and the server, if any.

use std::net::IpAddr;

use super::{Surroundings, TargetError};

/// A proxy that is to be used.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Its URL, with a scheme that the library knows.
    pub(super) url: String,
    /// The same without credentials.
    pub(super) shown: String,
}

/// Chooses as other clients do: the cluster's entry counts always, the environment's proxies not for this machine and not for
/// what `NO_PROXY` names.
pub(super) fn choose(
    server: &str,
    of_cluster: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Option<Proxy>, TargetError> {
    let given = |text: &str| !text.is_empty();
    let of_environment = match server.starts_with("https://") {
        true => surroundings.https_proxy.as_deref(),
        false => surroundings.http_proxy.as_deref(),
    };
    let no_proxy = surroundings.no_proxy.as_deref().unwrap_or_default();
    let (host, port) = host_and_port(server);
    let chosen = of_cluster.filter(|text| given(text)).or_else(|| {
        of_environment
            .filter(|text| given(text))
            .filter(|_| !is_direct(&host, port, no_proxy))
    });
    chosen.map(parse).transpose()
}

fn parse(text: &str) -> Result<Proxy, TargetError> {
    let whole = match text.contains("://") {
        true => text.replacen("socks5h://", "socks5://", 1),
        false => format!("http://{text}"),
    };
    let shown = match (whole.split_once("://"), whole.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => whole.clone(),
    };
    let known = ["http://", "https://", "socks5://"];
    if !known.iter().any(|scheme| whole.starts_with(scheme)) {
        return Err(TargetError::BadProxy {
            proxy: shown,
            reason: "only http, https and socks5 are known".to_owned(),
        });
    }
    Ok(Proxy { url: whole, shown })
}

fn host_and_port(server: &str) -> (String, Option<u16>) {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let (host, port) = split_port(authority);
    let usual = if server.starts_with("https://") {
        443
    } else {
        80
    };
    (host.to_ascii_lowercase(), port.or(Some(usual)))
}

/// Splits `host:port`, `[address]:port`, or either without a port.
fn split_port(text: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (
            host,
            rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (text, None),
    }
}

/// Says whether a host is asked without a proxy.
fn is_direct(host: &str, port: Option<u16>, no_proxy: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let mut entries = no_proxy.split(',').map(str::trim);
    entries.any(|entry| matches(&entry.to_ascii_lowercase(), host, address, port))
}

fn matches(entry: &str, host: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
    if entry == "*" {
        return true;
    }
    if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
        return is_within(address, network, bits);
    }
    let (name, of_port) = split_port(entry);
    if name.is_empty() || of_port.is_some_and(|of_port| Some(of_port) != port) {
        return false;
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    match name.strip_prefix('.') {
        Some(domain) => host.ends_with(&format!(".{domain}")),
        None => host == name || host.ends_with(&format!(".{name}")),
    }
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let shift = 32 - bits;
            let cut = |it: u32| it.checked_shr(shift).unwrap_or(0);
            cut(address.into()) == cut(network.into())
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let shift = 128 - bits;
            let cut = |it: u128| it.checked_shr(shift).unwrap_or(0);
            cut(address.into()) == cut(network.into())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_read_as_others_read_it() {
        let list = "10.0.0.0/8, .corp.example,exact.example:6443,*.star.example,fd00::/8";
        for (host, port, direct) in [
            ("10.1.2.3", 443, true),
            ("11.1.2.3", 443, false),
            ("api.corp.example", 443, true),
            ("corp.example", 443, false),
            ("exact.example", 6443, true),
            ("exact.example", 443, false),
            ("below.exact.example", 6443, true),
            ("x.star.example", 443, true),
            ("fd00::1", 443, true),
            ("fe00::1", 443, false),
            ("localhost", 443, true),
            ("127.0.0.1", 443, true),
            ("example.org", 443, false),
        ] {
            assert_eq!(is_direct(host, Some(port), list), direct, "{host}:{port}");
        }
        assert!(is_direct("anything", Some(1), "*"));
        assert!(!is_direct("anything", Some(1), ""));
    }

    fn chosen(server: &str, of_cluster: Option<&str>, no_proxy: &str) -> Option<String> {
        let surroundings = Surroundings {
            https_proxy: Some("proxy.example:3128".to_owned()),
            no_proxy: Some(no_proxy.to_owned()),
            ..Surroundings::default()
        };
        choose(server, of_cluster, &surroundings)
            .unwrap()
            .map(|proxy| proxy.url)
    }

    #[test]
    fn the_clusters_own_entry_comes_first() {
        let server = "https://api.example:6443";
        let environment = Some("http://proxy.example:3128".to_owned());
        assert_eq!(chosen(server, None, ""), environment);
        assert_eq!(chosen(server, Some(""), ""), environment);
        assert_eq!(chosen(server, None, "api.example"), None);
        let own = Some("socks5://own.example:1080".to_owned());
        let entry = Some("socks5h://own.example:1080");
        assert_eq!(chosen(server, entry, "api.example"), own);
        assert_eq!(chosen("http://api.example", None, ""), None);
    }

    #[test]
    fn credentials_of_a_proxy_are_not_shown() {
        let proxy = parse("http://me:secret@proxy.example:1").unwrap();
        assert_eq!(proxy.shown, "http://proxy.example:1");
        let error = parse("ftp://me:secret@proxy.example").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

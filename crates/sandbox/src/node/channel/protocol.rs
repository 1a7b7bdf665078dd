//! Which subprotocol is spoken.

/// A subprotocol of exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Channels 0 to 4; stdin cannot end before the connection does.
    V4,
    /// As v4, and a message on channel 255 ends a channel.
    V5,
}

impl Protocol {
    /// Spells it as in `Sec-WebSocket-Protocol`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }
}

/// What a client's `Sec-WebSocket-Protocol` comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// No header: the connection is accepted, and then nothing is ever said.
    None,
    /// Nothing but unknown names: 403 with an empty body.
    Unknown,
    /// This is spoken; v5 whenever it was offered.
    Known(Protocol),
}

impl Offer {
    /// Reads the header's values; `knows_v5` is false for servers before Kubernetes 1.30.
    pub fn parse<'a>(values: impl Iterator<Item = &'a str>, knows_v5: impl Fn() -> bool) -> Self {
        let names: Vec<&str> = values.flat_map(|v| v.split(',')).map(str::trim).collect();
        let offers = |protocol: Protocol| names.contains(&protocol.name());
        if names.is_empty() {
            Self::None
        } else if offers(Protocol::V5) && knows_v5() {
            Self::Known(Protocol::V5)
        } else if offers(Protocol::V4) {
            Self::Known(Protocol::V4)
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v5_is_chosen_when_it_is_offered() {
        let check = |header: &[&str], knows_v5: bool, expected| {
            let offer = Offer::parse(header.iter().copied(), || knows_v5);
            assert_eq!(offer, expected, "{header:?}");
        };
        let (v4, v5) = (Offer::Known(Protocol::V4), Offer::Known(Protocol::V5));
        check(&["v5.channel.k8s.io"], true, v5);
        check(&["v4.channel.k8s.io, v5.channel.k8s.io"], true, v5);
        check(&["v4.channel.k8s.io", "v5.channel.k8s.io"], true, v5);
        check(&["v5.channel.k8s.io,v4.channel.k8s.io"], false, v4);
        check(&["v5.channel.k8s.io"], false, Offer::Unknown);
        check(&["channel.k8s.io"], true, Offer::Unknown);
        check(&[], true, Offer::None);
    }
}

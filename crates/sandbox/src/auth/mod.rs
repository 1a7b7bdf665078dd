//! Who asks, and whether they may: bearer tokens, service-account tokens, roles.

//! What a controller manager does: each controller watches the store and writes back what follows.

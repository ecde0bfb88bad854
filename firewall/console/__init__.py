"""The approver's pages and the control side's JSON API, server-rendered, no third-party assets."""

"""What can be wrong with a request to routing; `code` is stable."""


class RoutingError(Exception):
    code = "routing_failed"


class UnknownQueue(RoutingError, LookupError):
    code = "unknown_queue"


class UnknownAgent(RoutingError, LookupError):
    code = "unknown_agent"


class QueueFull(RoutingError):
    """As many wait as the queue may hold."""

    code = "queue_full"


class NoAgents(RoutingError):
    """Nobody who serves the queue is logged in, and the work asked not to wait then."""

    code = "no_agents"


class InvalidAgentState(RoutingError, ValueError):
    """A state that nobody can ask for: it only comes about by itself."""

    code = "invalid_agent_state"


class DispositionMissing(RoutingError):
    """The agent has to say first what became of the last call."""

    code = "disposition_missing"


class InvalidTransition(Exception):
    """An agent was moved between states that do not follow each other: our bug."""

"""What stands beside an app in its network, such as its database: made, ready, watched, gone."""

from headstart.agent.runtimes.beside.beside_obstacles import beside_obstacles
from headstart.agent.runtimes.beside.companions import Companions, names_of

__all__ = ["Companions", "beside_obstacles", "names_of"]

"""Domain randomisation per episode: light, colours, dynamics, cameras and the robot's start.

``draw.Randomizer`` draws, and writes what it drew into the ``EpisodeSpec``; ``apply`` turns that
part of a spec into what a world is given. Playing an episode draws nothing.
"""

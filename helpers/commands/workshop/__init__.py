"""What does the person in front of a room need? A warmed course, copies that catch up, a stick that
installs without a network, minutes that add up, slides, a page for leaders, a web site."""

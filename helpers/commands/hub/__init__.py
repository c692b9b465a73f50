"""How do many learners share one machine? The hub's part of the workbook: an account and a place
for each learner (`places`, `spawners`, `seat`), what an instructor hands out (`hand_out`), the
board of the room (`room`), and how many learners a machine holds (`capacity`).

JupyterHub itself is configured in deploy/jupyterhub/jupyterhub_config.py.
"""

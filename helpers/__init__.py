"""The library behind the notebooks: a folder for each question, and one rule between them. A folder
imports only from the folders below it; those on one line do not know each other.

    commands              whole runs, for workbook.py: assess, bench, check, notebooks
    labs | exercises      what learners touch
    plots                 a finding as a picture
    experiments           runs systems and judges them: grids, failures, attacks, facts in weights
    systems               the systems that are compared, and their prompts
    retrieval | training  the index; the adapter
    models | decision     the weights; requirements and findings in, an option out
    evaluation            what is right, how sure, whose fault
    data                  labs_data and a user's own folder, as typed records
    core                  the nouns, settings, files, fingerprints

Each folder's `__init__` says its question and its public names. Start at `core/cases.py`.
Importing `helpers` alone loads nothing.
"""

__version__ = "0.1.0"

"""Is every file of labs_data what it says it is?"""

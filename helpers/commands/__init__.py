"""What runs as a whole from `workbook.py`: assess, bench, check, notebooks?"""

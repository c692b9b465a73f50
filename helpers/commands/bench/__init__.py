"""How fast is it, and does it search as well as published figures say?"""

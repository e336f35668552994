"""
What a prediction hangs on: the words of its record (`saliency`, `hotflip`, `reduction`), the
records of its training (`influence`), the layers that know it (`probe`).
"""

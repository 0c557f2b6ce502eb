"""``python -m sklearn_proto`` runs the demonstration."""

from sklearn_proto._demo import main

if __name__ == "__main__":
    main()

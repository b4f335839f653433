"""What people look at: pictures, pages, numbers and the certificate of a release."""

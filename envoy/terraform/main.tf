# The user pool of docs/cognito.md, for Terraform or OpenTofu: the same pool, domain, app client and groups as its
# commands make. What each option is for is explained there.
#
#   terraform init
#   terraform apply -var domain_prefix=myapp-1a2b3c4d -var 'origins=["https://app.example.com"]'
#   export COGNITO_US_EAST_1_POOL_ID="$(terraform output -raw user_pool_id)"
#   export COGNITO_US_EAST_1_DOMAIN="$(terraform output -raw domain)"
#   export COGNITO_US_EAST_1_CLIENT_ID="$(terraform output -raw client_id)"
#   export COGNITO_US_EAST_1_CLIENT_SECRET="$(terraform output -raw client_secret)"
#
# `terraform destroy` removes everything again.
#
# The client secret is in Terraform's state, so protect the state like the secret.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.20"
    }
  }
}

variable "region" {
  description = "The Region of the pool."
  type        = string
  default     = "us-east-1"
}

variable "domain_prefix" {
  description = "The first label of the pool's domain: unique in the Region, without aws, amazon or cognito."
  type        = string
}

variable "origins" {
  description = "Scheme and host that people use, without a slash at the end. http only for localhost."
  type        = list(string)
  default     = ["http://localhost:8080", "https://app.example.com"]
}

variable "groups" {
  description = "Groups, which are roles."
  type        = list(string)
  default     = ["finance"]
}

provider "aws" {
  region = var.region
}

resource "aws_cognito_user_pool" "this" {
  name                = "envoy-cognito"
  deletion_protection = "INACTIVE" # ACTIVE for a pool that people use

  # Otherwise anybody can sign up.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  # In tokens their names are custom:roles and custom:timezone. They can't be removed or changed later.
  schema {
    name                = "roles"
    attribute_data_type = "String"
    mutable             = true
    string_attribute_constraints {
      min_length = "0"
      max_length = "2048"
    }
  }
  schema {
    name                = "timezone"
    attribute_data_type = "String"
    mutable             = true
    string_attribute_constraints {
      min_length = "0"
      max_length = "64"
    }
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  user_pool_id          = aws_cognito_user_pool.this.id
  domain                = var.domain_prefix
  managed_login_version = 2
}

resource "aws_cognito_user_pool_client" "gateway" {
  user_pool_id                         = aws_cognito_user_pool.this.id
  name                                 = "gateway"
  generate_secret                      = true
  supported_identity_providers         = ["COGNITO"]
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid"]
  callback_urls                        = [for origin in var.origins : "${origin}/.auth/callback"]
  logout_urls                          = [for origin in var.origins : "${origin}/.auth/signed-out"]
  read_attributes                      = ["name", "email", "email_verified", "custom:roles", "custom:timezone"]
  write_attributes                     = ["name"] # never custom:roles
  explicit_auth_flows                  = ["ALLOW_USER_SRP_AUTH"]

  refresh_token_rotation {
    feature                    = "ENABLED"
    retry_grace_period_seconds = 30
  }
}

# Without a style, Cognito shows no pages for the client.
resource "aws_cognito_managed_login_branding" "gateway" {
  user_pool_id                = aws_cognito_user_pool.this.id
  client_id                   = aws_cognito_user_pool_client.gateway.id
  use_cognito_provided_values = true
}

resource "aws_cognito_user_group" "these" {
  for_each     = toset(var.groups)
  user_pool_id = aws_cognito_user_pool.this.id
  name         = each.key
}

output "user_pool_id" {
  description = "The filter's user_pool_id."
  value       = aws_cognito_user_pool.this.id
}

output "client_id" {
  description = "The filter's client_id."
  value       = aws_cognito_user_pool_client.gateway.id
}

output "client_secret" {
  description = "The filter's client_secret."
  value       = aws_cognito_user_pool_client.gateway.client_secret
  sensitive   = true
}

output "domain" {
  description = "The filter's domain."
  value       = "${aws_cognito_user_pool_domain.this.domain}.auth.${var.region}.amazoncognito.com"
}

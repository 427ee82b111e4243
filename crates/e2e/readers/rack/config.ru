# frozen_string_literal: true

# What Rack makes of a request for Rails, Sinatra and others.
require 'json'
require 'rack'

def read
  yield
rescue StandardError => error
  # An application that does not look at it goes on, and gets nothing.
  { 'refused' => error.class.name }
end

run lambda { |env|
  request = Rack::Request.new(env)
  answer = {
    query: read { request.GET['access_token'] },
    form: read { request.POST['access_token'] },
    both: read { request.params['access_token'] },
    cookie: read { request.cookies['sts_token'] },
    header: env['HTTP_X_TARGET']
  }
  scrubbed = JSON.generate(answer.transform_values { |value| value.inspect.scrub })
  [200, { 'Content-Type' => 'application/json' }, [scrubbed]]
}
